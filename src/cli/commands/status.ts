import type { Command } from 'commander'
import { runs } from '../command.ts'
import type { Context } from '../context.ts'
import { readCredentials } from '../credentials.ts'
import { relativeTime } from '../instants.ts'
import { describeFile } from '../private-files.ts'
import { stateFiles } from '../profiles.ts'
import { type Cell, pairs } from '../text-table.ts'
import { describeCredential } from './whoami.ts'

export function declareStatus(program: Command): void {
  const status = program
    .command('status')
    .description('say what would be used and why, without asking anybody')
  runs(status, runStatus)
}

function runStatus({ settings, terminal }: Context): void {
  const { url, profile, credential, absence } = settings
  const kept = credential?.profile ? readCredentials().get(credential.profile)?.accessTokens : undefined
  const tokens = [...(kept ?? [])].map(([audience, { expiresAt }]) => ({
    audience,
    expiresAt: new Date(expiresAt).toISOString(),
  }))
  const files = stateFiles().map((path) => ({ path, state: describeFile(path) }))
  const found = {
    url: url.value,
    urlSource: url.source,
    profile: profile.value,
    profileSource: profile.source,
    credential: credential === null ? null : describeCredential(credential),
    credentialSource: credential?.source ?? null,
    accessTokens: tokens,
    files,
  }
  terminal.show(found, () =>
    pairs([
      ['url', `${url.value} (${url.source})`],
      ['profile', `${profile.value} (${profile.source})`],
      [
        'credential',
        credential === null ? 'none' : `${describeCredential(credential)} (${credential.source})`,
      ],
      ...tokens.map(({ audience, expiresAt }): readonly [string, Cell] => [
        'token',
        `for ${audience}, expires ${relativeTime(expiresAt, Date.now())}`,
      ]),
      ...files.map(({ path, state }): readonly [string, Cell] => ['file', `${path} (${state})`]),
    ]),
  )
  if (absence !== '') terminal.remark(absence)
}
