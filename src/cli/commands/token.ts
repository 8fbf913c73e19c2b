import type { Command } from 'commander'
import type { AccessToken } from '../../client/exchange.ts'
import { readClaims } from '../../client/jwt.ts'
import { audienceUrl, getAccessToken } from '../access.ts'
import { examples, runs } from '../command.ts'
import type { Context } from '../context.ts'
import type { Audience } from '../credentials.ts'
import { usageFailure } from '../failure.ts'
import { relativeTime } from '../instants.ts'
import { exchange } from '../oauth.ts'

interface TokenOptions {
  readonly scope?: string
  readonly admin?: boolean
}

export function declareToken(program: Command): void {
  const token = program
    .command('token')
    .description('print a fresh short-lived JWT, for curl and scripts')
    .option('--scope <scopes>', 'only these scopes, separated by spaces')
    .option('--admin', 'for the admin API instead of for calls')
  runs(token, runToken)
  examples(token, [
    'curl -H "Authorization: Bearer $(countersign token)" https://edge.acme.example/plugipay/api/v1/customers',
    "countersign token --scope 'plugipay:customer:read'",
  ])
}

async function runToken(context: Context, { scope, admin = false }: TokenOptions): Promise<void> {
  const audience = admin ? 'administration' : 'calls'
  const { text, expiresAt } = await obtain(context, audience, scope)
  const until = Number.isFinite(expiresAt) ? new Date(expiresAt).toISOString() : null
  context.terminal.show(
    { token: text, expiresAt: until, for: audienceUrl(context.url, audience) },
    () => text,
  )
  context.terminal.remark(`It expires ${relativeTime(expiresAt, Date.now())}.`)
}

/** The JWT of an issuer is exchanged for ours; one of our own is what was asked for already. */
function obtain(context: Context, audience: Audience, scope: string | undefined): Promise<AccessToken> {
  const { credential, url } = context
  if (credential.kind === 'key') {
    throw usageFailure('The admin key is sent as it is; there is no token to get for it.')
  }
  const foreign = credential.kind === 'jwt' && readClaims(credential.secret.reveal())['iss'] !== url
  if (foreign) return exchange(url, credential.secret, { resource: audienceUrl(url, audience), scope })
  return getAccessToken(context, audience, { scope, fresh: true })
}
