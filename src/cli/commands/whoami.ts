import type { Command } from 'commander'
import { readClaims } from '../../client/jwt.ts'
import { audienceUrl } from '../access.ts'
import { api } from '../api.ts'
import { examples, runs } from '../command.ts'
import type { Context } from '../context.ts'
import { describeToken, kindNames } from '../credential.ts'
import { relativeTime } from '../instants.ts'
import type { ActiveCredential } from '../settings.ts'
import { pairs } from '../text-table.ts'

export function declareWhoami(program: Command): void {
  const whoami = program
    .command('whoami')
    .description('say who you are here: team, role, scopes, and until when; fails when logged out')
  runs(whoami, runWhoami)
  examples(whoami, ['countersign whoami', 'countersign whoami --json'])
}

interface Identity {
  readonly subject: unknown
  readonly team: unknown
  readonly role: unknown
  readonly scopes: unknown
  readonly expiresAt: unknown
}

async function runWhoami(context: Context): Promise<void> {
  const { terminal, url, credential } = context
  const claimed = claimedIdentity(url, credential)
  const { subject, team, role, scopes, expiresAt } = claimed ?? (await api(context, '/api/whoami'))
  const { source } = credential
  const found = { url, subject, team, role, scopes, expiresAt, source, verified: claimed === null }
  terminal.show(found, () =>
    pairs([
      ['subject', text(subject)],
      ['team', text(team)],
      ['role', text(role)],
      ['scopes', Array.isArray(scopes) && scopes.length > 0 ? scopes.join(' ') : '-'],
      ['expires', relativeTime(expiresAt, Date.now())],
      ['at', url],
      ['credential', `${describeCredential(credential)}, from ${source}`],
    ]),
  )
  if (claimed !== null) {
    terminal.remark('This is what the JWT says; it is for calls, and only a call has it verified.')
  }
}

export function describeCredential({ kind, secret }: ActiveCredential): string {
  return kind === 'session' ? kindNames.session : describeToken(secret)
}

/** A JWT for calls opens no administration, so it is asked itself; null for every other credential. */
function claimedIdentity(url: string, { kind, secret }: ActiveCredential): Identity | null {
  if (kind !== 'jwt') return null
  const { sub, team, scope, exp, aud } = readClaims(secret.reveal())
  if ([aud].flat().includes(audienceUrl(url, 'administration'))) return null
  return {
    subject: sub ?? null,
    team: team ?? null,
    role: null,
    scopes: typeof scope === 'string' && scope !== '' ? scope.split(' ') : [],
    expiresAt: typeof exp === 'number' ? new Date(exp * 1000).toISOString() : null,
  }
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '-'
}
