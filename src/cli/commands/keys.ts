import type { Command } from 'commander'
import { api, listAll } from '../api.ts'
import { examples, runs } from '../command.ts'
import type { Context } from '../context.ts'
import { readInstant } from '../instants.ts'
import { textTable } from '../text-table.ts'

interface KeysOptions {
  readonly team?: string
  readonly since: string
}

type Item = Readonly<Record<string, unknown>>

/** A key that a team was granted, with what its books say of it. Never anything of the secret. */
interface GrantedKey {
  readonly team: string
  readonly upstream: string
  readonly key: string
  /** Whether it is used where a call names none. */
  readonly default: boolean
  /** Calls since the time that was asked for. */
  readonly requests: number
  /** The last UTC day with a call since then, such as 2026-11-22; null when there was none. */
  readonly lastUsed: string | null
}

export function declareKeys(program: Command): void {
  const keys = program
    .command('keys')
    .description('which keys teams may use, and when each was last used')
    .option('--team <team>', 'only of this team')
    .option('--since <when>', '24h, 30d, a day or a time: how far back calls are looked for', '30d')
  runs(keys, runKeys)
  examples(keys, ['countersign keys', 'countersign keys --team checkout --since 90d --json'])
}

async function runKeys(context: Context, { team, since }: KeysOptions): Promise<void> {
  const { terminal } = context
  const from = readInstant(since, '--since', Date.now())
  const teams =
    team === undefined
      ? await listAll(context, '/api/teams')
      : [await api(context, `/api/teams/${encodeURIComponent(team)}`)]
  const items: GrantedKey[] = []
  for (const each of teams) items.push(...(await keysOf(context, each, from)))
  terminal.show({ items }, () =>
    textTable(terminal, items, [
      { title: 'team', cell: (item) => item.team },
      { title: 'upstream', cell: ({ upstream }) => upstream },
      { title: 'key', cell: ({ key }) => key },
      { title: 'unless chosen', cell: (item) => (item.default ? 'default' : '-') },
      { title: 'requests', align: 'right', cell: ({ requests }) => requests },
      { title: 'last used', cell: ({ lastUsed }) => lastUsed },
    ]),
  )
}

async function keysOf(context: Context, { id, grants }: Item, from: string): Promise<readonly GrantedKey[]> {
  const team = String(id)
  const granted = Object.entries(Object(grants)).flatMap(([upstream, grant]) => {
    const { keys, defaultKey } = Object(grant)
    return [keys].flat().map((key) => ({ team, upstream, key: String(key), default: key === defaultKey }))
  })
  if (granted.length === 0) return []
  const { rows } = await api(context, '/api/usage', { query: { team, from, by: 'day,upstream,key' } })
  const used: readonly Item[] = [rows ?? []].flat().map((row) => ({ ...Object(row) }))
  return granted.map((key) => ({ ...key, ...useOf(key, used) }))
}

function useOf(
  { upstream, key }: Pick<GrantedKey, 'upstream' | 'key'>,
  rows: readonly Item[],
): Pick<GrantedKey, 'requests' | 'lastUsed'> {
  const mine = rows.filter((row) => row['upstream'] === upstream && row['key'] === key)
  return {
    requests: mine.reduce((sum, { requests }) => sum + Number(requests), 0),
    lastUsed:
      mine
        .map(({ day }) => String(day))
        .toSorted()
        .at(-1) ?? null,
  }
}
