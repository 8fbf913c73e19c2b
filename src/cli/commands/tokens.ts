import { type Command, Option } from 'commander'
import { api, listAll, ownTeam } from '../api.ts'
import { collect, examples, lists, runs } from '../command.ts'
import type { Context } from '../context.ts'
import { readInstant, relativeTime } from '../instants.ts'
import { confirm } from '../prompt.ts'
import { textTable } from '../text-table.ts'

interface ListOptions {
  readonly team?: string
  readonly status?: string
}

interface CreateOptions {
  readonly team?: string
  readonly scope?: readonly string[]
  readonly expires: string
  readonly service?: boolean
}

export function declareTokens(program: Command): void {
  const tokens = program.command('tokens').description('personal tokens: make, list and revoke them')
  lists(tokens, 'list them; the tokens themselves are never shown again', runList)
    .option('--team <team>', 'only of this team')
    .addOption(new Option('--status <status>', 'only those').choices(['active', 'expired', 'revoked']))

  const create = tokens
    .command('create')
    .description('make one; it is printed once, alone on stdout')
    .argument('<name>', 'what it is for, for people')
    .option('--team <team>', 'the team that it speaks for; without it, your own')
    .option('-s, --scope <scope>', 'what it may call, such as plugipay:customer:read', collect)
    .option(
      '--expires <when>',
      '30d, 90d, 12h and the like, a day (2027-01-31), or never for a service',
      '30d',
    )
    .option('--service', 'it belongs to the team rather than to you')
  runs(create, runCreate)
  examples(create, [
    "countersign tokens create laptop --scope 'plugipay:customer:*'",
    'countersign tokens create nightly --service --expires never --scope orders:order:read | ssh server save-token',
  ])

  const revoke = tokens
    .command('revoke')
    .description('revoke one, and the JWTs that came of it')
    .argument('<id>')
    .option('-y, --yes', 'do not ask')
  runs(revoke, runRevoke)
}

async function runList(context: Context, { team, status }: ListOptions): Promise<void> {
  const { terminal } = context
  const items = await listAll(context, '/api/tokens', { team, status })
  if (items.length === 0) terminal.remark('There are no tokens.')
  if (items.length === 0 && !terminal.json) return
  const now = Date.now()
  terminal.show({ items }, () =>
    textTable(terminal, items, [
      { title: 'id', cell: ({ id }) => String(id) },
      { title: 'name', cell: ({ name }) => String(name) },
      { title: 'team', cell: ({ team: of }) => String(of) },
      { title: 'status', cell: ({ status: is }) => String(is) },
      { title: 'expires', cell: ({ expiresAt }) => relativeTime(expiresAt, now) },
      { title: 'last used', cell: ({ lastUsedAt }) => relativeTime(lastUsedAt, now) },
      { title: 'scopes', cell: ({ scopes }) => [scopes].flat().join(' ') },
    ]),
  )
}

async function runCreate(
  context: Context,
  { team, scope = [], expires, service = false }: CreateOptions,
  [name = '']: readonly string[],
): Promise<void> {
  const { terminal } = context
  const expiry = ['30d', '90d', 'never'].includes(expires)
    ? { expiresIn: expires }
    : { expiresAt: readInstant(expires, '--expires', Date.now(), { ahead: true }) }
  if (scope.length === 0) terminal.remark('Without --scope it can call nothing.')
  const body = { name, team: team ?? (await ownTeam(context)), scopes: scope, service, ...expiry }
  const made = await api(context, '/api/tokens', { method: 'POST', body })
  terminal.show(made, () => String(made['token']))
  terminal.remark(`This is the only time that it is shown. Its id is ${made['id']}.`)
}

async function runRevoke(
  context: Context,
  options: { readonly yes?: boolean },
  [id = '']: readonly string[],
): Promise<void> {
  await confirm(context, `Revoke the token ${id}?`, options)
  await api(context, `/api/tokens/${encodeURIComponent(id)}`, { method: 'DELETE' })
  context.terminal.show({ revoked: id }, () => `${id} is revoked.`)
}
