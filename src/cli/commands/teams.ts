import type { Command } from 'commander'
import { api, listAll } from '../api.ts'
import { examples, lists, runs } from '../command.ts'
import type { Context } from '../context.ts'
import { usageFailure } from '../failure.ts'
import { confirm } from '../prompt.ts'
import { pairs, textTable } from '../text-table.ts'

type Team = Readonly<Record<string, unknown>>

interface LimitOptions {
  readonly requests?: string
  readonly burst?: string
  readonly reset?: boolean
}

export function declareTeams(program: Command): void {
  const teams = program.command('teams').description('teams: their grants and limits, for admins')
  lists(teams, 'list them', runList)
  const show = teams.command('show').description('show one, with its grants and limits').argument('<team>')
  runs(show, runShow)

  const suspend = teams
    .command('suspend')
    .description('let none of its calls start any more, within two seconds')
    .argument('<team>')
    .option('-y, --yes', 'do not ask')
  runs<{ readonly yes?: boolean }>(suspend, async (context, options, [team = '']) => {
    await confirm(context, `Suspend ${team}? All of its calls are refused from then on.`, options)
    await change(context, team, { suspended: true })
  })
  const resume = teams.command('resume').description('let it call again').argument('<team>')
  runs(resume, (context, _, [team = '']) => change(context, team, { suspended: false }))

  const limit = teams
    .command('limit')
    .description('override a limit of the configuration, or take that back')
    .argument('<team>')
    .argument('<limit>', 'its name')
    .option('--requests <number>', 'so many in its period')
    .option('--burst <number>', 'so many at once')
    .option('--reset', 'as in the configuration')
  runs(limit, runLimit)
  examples(limit, [
    'countersign teams limit checkout all --requests 500 --burst 1000',
    'countersign teams limit checkout all --reset',
  ])
}

async function runList(context: Context): Promise<void> {
  const { terminal } = context
  const items = await listAll(context, '/api/teams')
  terminal.show({ items }, () =>
    textTable(terminal, items, [
      { title: 'team', cell: ({ id }) => String(id) },
      { title: 'state', cell: ({ suspended }) => (suspended === true ? 'suspended' : 'active') },
      { title: 'upstreams', cell: ({ grants }) => Object.keys(Object(grants)).join(' ') },
      { title: 'limits', cell: ({ limits }) => [limits].flat().map(limitText).join(', ') },
    ]),
  )
}

async function runShow(context: Context, _: object, [team = '']: readonly string[]): Promise<void> {
  return showTeam(context, await api(context, teamPath(team)))
}

async function change(context: Context, team: string, body: object): Promise<void> {
  return showTeam(context, await api(context, teamPath(team), { method: 'PATCH', body }))
}

function teamPath(team: string): string {
  return `/api/teams/${encodeURIComponent(team)}`
}

function showTeam({ terminal }: Context, team: Team): void {
  terminal.show(team, () =>
    pairs([
      ['team', String(team['id'])],
      ['state', team['suspended'] === true ? 'suspended' : 'active'],
      ...[team['limits']].flat().map((limit) => ['limit', limitText(limit)] as const),
      ...Object.entries(Object(team['grants'])).map(
        ([upstream, grant]) => ['grant', `${upstream}: ${grantText(Object(grant))}`] as const,
      ),
    ]),
  )
}

function limitText(limit: unknown): string {
  const { name, requests, per, burst, overridden } = Object(limit)
  return `${name} ${requests} per ${per}, burst ${burst}${overridden === true ? ' (overridden)' : ''}`
}

function grantText({ keys, defaultKey, scopes }: Readonly<Record<string, unknown>>): string {
  const preferred = typeof defaultKey === 'string' ? ` (${defaultKey} unless chosen)` : ''
  return `keys ${[keys].flat().join(' ')}${preferred}; scopes ${[scopes].flat().join(' ')}`
}

async function runLimit(
  context: Context,
  { requests, burst, reset = false }: LimitOptions,
  [team = '', limit = '']: readonly string[],
): Promise<void> {
  const numbers = requests !== undefined || burst !== undefined
  if (reset === numbers) throw usageFailure('Give --requests, --burst or both, or --reset alone.')
  const override = {
    ...(requests === undefined ? {} : { requests: readCount(requests, '--requests') }),
    ...(burst === undefined ? {} : { burst: readCount(burst, '--burst') }),
  }
  await change(context, team, { limits: { [limit]: reset ? null : override } })
}

function readCount(text: string, option: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
  throw usageFailure(
    `${option} is a whole number, 1 or more.`,
    'To let nothing pass: countersign teams suspend',
  )
}
