import type { Command } from 'commander'
import { listAll } from '../api.ts'
import { examples, runs } from '../command.ts'
import type { Context } from '../context.ts'
import { usageFailure } from '../failure.ts'
import { readInstant } from '../instants.ts'
import { textTable } from '../text-table.ts'

interface AuditOptions {
  readonly team?: string
  readonly since?: string
  readonly limit: string
}

export function declareAudit(program: Command): void {
  const audit = program
    .command('audit')
    .description('who changed what, when and from where; the newest first')
    .option('--team <team>', 'only of this team')
    .option('--since <when>', '24h, 7d, a day or a time')
    .option('--limit <number>', 'at most so many entries, or all', '50')
  runs(audit, runAudit)
  examples(audit, ['countersign audit --team checkout --since 7d', 'countersign audit --limit all --json'])
}

async function runAudit(context: Context, { team, since, limit }: AuditOptions): Promise<void> {
  const { terminal } = context
  const from = since === undefined ? undefined : readInstant(since, '--since', Date.now())
  const items = await listAll(context, '/api/audit', { team, from }, readLimit(limit))
  if (items.length === 0) terminal.remark('There are no entries.')
  if (items.length === 0 && !terminal.json) return
  terminal.show({ items }, () =>
    textTable(terminal, items, [
      { title: 'at', cell: ({ at }) => String(at) },
      { title: 'who', cell: ({ actor }) => String(actor) },
      { title: 'did', cell: ({ action }) => String(action) },
      { title: 'team', cell: ({ team: of }) => (typeof of === 'string' ? of : null) },
      { title: 'to', cell: ({ target }) => String(target) },
      { title: 'from', cell: ({ from: address }) => (typeof address === 'string' ? address : null) },
      { title: 'with', cell: ({ detail }) => details(Object(detail)) },
    ]),
  )
}

function readLimit(text: string): number {
  if (text === 'all') return Number.POSITIVE_INFINITY
  if (/^[1-9]\d{0,6}$/.test(text)) return Number(text)
  throw usageFailure('--limit is a whole number, or all.')
}

function details(detail: Readonly<Record<string, unknown>>): string {
  return Object.entries(detail)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ')
}
