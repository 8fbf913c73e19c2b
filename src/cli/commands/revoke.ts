import type { Command } from 'commander'
import { api, listAll } from '../api.ts'
import { examples, runs } from '../command.ts'
import type { Context } from '../context.ts'
import { usageFailure } from '../failure.ts'
import { readInstant, relativeTime } from '../instants.ts'
import { confirm } from '../prompt.ts'
import { textTable } from '../text-table.ts'

interface RevokeOptions {
  readonly team: string
  readonly jti?: string
  readonly subject?: string
  readonly before?: string
  readonly issuer?: string
  readonly list?: boolean
  readonly yes?: boolean
}

export function declareRevoke(program: Command): void {
  const revoke = program
    .command('revoke')
    .description('end tokens before they expire: two seconds later no call starts with them')
    .requiredOption('--team <team>', 'whose tokens')
    .option('--jti <id>', 'the one token with this id')
    .option('--subject <subject>', 'all that this caller holds')
    .option('--before <when>', 'all that were issued before: now, 2h, a day or a time')
    .option('--issuer <name>', 'its name in the configuration, where the team has several')
    .option('--list', 'list what is revoked instead')
    .option('-y, --yes', 'do not ask')
  runs(revoke, runRevoke)
  examples(revoke, [
    'countersign revoke --team checkout --jti 3f0c2a',
    'countersign revoke --team checkout --subject build-bot --issuer acme',
    'countersign revoke --team checkout --before now --yes',
    'countersign revoke --team checkout --list',
  ])
}

async function runRevoke(context: Context, options: RevokeOptions): Promise<void> {
  const { team, jti, subject, issuer } = options
  const given = [jti, subject, options.before].filter((one) => one !== undefined)
  if (options.list === true && given.length === 0) {
    await listRevocations(context, team)
    return
  }
  if (given.length !== 1 || options.list === true) {
    throw usageFailure('Say what to revoke: --jti, --subject or --before, one of them; or --list.')
  }
  const before = readBefore(options.before)
  await confirm(context, question({ team, jti, subject, before }), options)
  const body = { team, jti, subject, before, issuer }
  const { id, until } = await api(context, '/api/revocations', { method: 'POST', body })
  context.terminal.show({ id, until }, () => `Revoked (${id}).`)
}

function readBefore(text: string | undefined): string | undefined {
  return text === undefined ? undefined : readInstant(text === 'now' ? '0m' : text, '--before', Date.now())
}

function question({ team, jti, subject, before }: Readonly<Record<string, string | undefined>>): string {
  if (jti !== undefined) return `Revoke the token ${jti} of ${team}?`
  if (subject !== undefined) return `Revoke all that ${subject} holds of ${team}?`
  return `Revoke every token of ${team} that was issued before ${before}?`
}

async function listRevocations(context: Context, team: string): Promise<void> {
  const { terminal } = context
  const items = await listAll(context, '/api/revocations', { team })
  if (items.length === 0) terminal.remark(`Nothing of ${team} is revoked.`)
  if (items.length === 0 && !terminal.json) return
  terminal.show({ items }, () =>
    textTable(terminal, items, [
      { title: 'id', cell: ({ id }) => String(id) },
      { title: 'what', cell: whatIsRevoked },
      { title: 'issuer', cell: ({ issuer }) => (typeof issuer === 'string' ? issuer : 'any') },
      { title: 'kept', cell: ({ until }) => relativeTime(until, Date.now()) },
    ]),
  )
}

function whatIsRevoked(item: Readonly<Record<string, unknown>>): string {
  return ['jti', 'subject', 'gid', 'before']
    .flatMap((name) => (item[name] === undefined ? [] : [`${name} ${item[name]}`]))
    .join(' ')
}
