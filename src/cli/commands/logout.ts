import type { Command } from 'commander'
import { runs } from '../command.ts'
import type { Context } from '../context.ts'
import { kindOfToken } from '../credential.ts'
import { readCredentials, type StoredCredential, writeCredentials } from '../credentials.ts'
import { Failure } from '../failure.ts'
import { withLock } from '../file-lock.ts'
import { revokeToken } from '../oauth.ts'
import { stateDirectory } from '../profiles.ts'
import { resolveProfile } from '../settings.ts'

export function declareLogout(program: Command): void {
  const logout = program
    .command('logout')
    .description('revoke what you logged in with, then remove it from this machine')
    .option('--keep', 'only remove it here: a token that is used elsewhere too goes on working')
  runs(logout, runLogout)
}

async function runLogout(context: Context, { keep = false }: { readonly keep?: boolean }): Promise<void> {
  const { terminal, flags, environment } = context
  const profile = resolveProfile(flags, environment).value
  const stored = readCredentials().get(profile)
  if (stored === undefined) {
    throw new Failure('noCredential', `The profile ${profile} is not logged in.`, {
      hint: environment['COUNTERSIGN_TOKEN']
        ? 'COUNTERSIGN_TOKEN is set; unset it to be logged out.'
        : 'countersign profiles list shows who is.',
    })
  }
  const revoked = await withLock(stateDirectory(), async ({ change }) => {
    // Read again: a command that ran meanwhile may have replaced the refresh token.
    const now = readCredentials().get(profile) ?? stored
    const done = !keep && isRevocable(now) && (await revokeOrExplain(now))
    await change(() => {
      const credentials = new Map(readCredentials())
      credentials.delete(profile)
      writeCredentials(credentials)
    })
    return done
  })
  const said = revoked ? `Revoked at ${stored.url} and removed here.` : 'Removed here.'
  terminal.show({ profile, url: stored.url, revoked, removed: true }, () => said)
}

/** The admin key and JWTs of other issuers are not the token service's to end. */
function isRevocable({ kind, secret }: StoredCredential): boolean {
  return kind === 'session' || kindOfToken(secret.reveal()) === 'personal'
}

/** Kept until it is revoked: what is removed here could never be revoked from here again. */
async function revokeOrExplain({ url, secret }: StoredCredential): Promise<boolean> {
  try {
    if (await revokeToken(url, secret)) return true
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    throw new Failure(error.exit, `${error.message} Nothing was revoked or removed.`, {
      hint: 'Try again, or remove it here only with: countersign logout --keep',
      code: error.code,
    })
  }
  throw new Failure('tryAgain', `${url} did not revoke it. Nothing was removed.`, {
    hint: 'Try again, or remove it here only with: countersign logout --keep',
  })
}
