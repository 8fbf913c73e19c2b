/** What `npm start` shows. */
import { styleText } from 'node:util'
import type { Configuration } from '../src/core/configuration.ts'
import { workerPortDefault } from '../src/sandbox/ports.ts'
import type { Books } from './books.ts'
import type { CallResult } from './first-calls.ts'
import { shownPath, type UnsetBinding } from './local-configuration.ts'

const columns = 100

const strong = (text: string): string => styleText('bold', text)
const quiet = (text: string): string => styleText('dim', text)

const clip = (text: string, chars: number): string =>
  text.length > chars ? `${text.slice(0, chars - 3)}...` : text

/** Label and value in two columns; further lines of the value stand below its first. */
const pair = (label: string, value: string): string =>
  value
    .split('\n')
    .map((line, index) => `   ${(index === 0 ? label : '').padEnd(18)}${line}`)
    .join('\n')

export const showCall = (result: CallResult, number: number): string => {
  const { call, exchange, status, body, fault } = result
  const title = strong(`${number}  ${call.team} calls ${call.upstream}`)
  const lines = [title, pair('called', `${call.method} /${call.upstream}${call.path}`)]
  if (exchange !== undefined)
    lines.push(pair('the upstream saw', `${exchange.request.method} ${exchange.request.target}`))
  if (exchange?.verdict.accepted === true) {
    const { signed, key } = exchange.verdict
    lines.push(
      signed === null
        ? pair('credential', `${key}, put in as a bearer token; this API signs nothing`)
        : pair('signed', `${signed}\n${quiet(`(with the secret of ${key}; the upstream checked it)`)}`),
    )
  }
  lines.push(fault === null ? pair('it said', `${status} ${clip(body, columns)}`) : pair('FAILED', fault))
  return lines.join('\n')
}

/** `granted = used + returned + outstanding + unsettled`, as the account keeps it. */
export const showBooks = (team: string, books: Books): string => {
  const { granted, used, returned, outstanding, unsettled, rows } = books
  const units = `${granted} granted = ${used} used + ${returned} returned + ${outstanding} outstanding + ${unsettled} unsettled`
  return [
    strong(`The books of ${team}, today`),
    pair('units', units),
    ...rows.map(({ upstream, outcome, requests }) => pair(upstream, `${requests} answered ${outcome}`)),
  ].join('\n')
}

interface NextSteps {
  readonly origin: string
  /** Of team checkout, good for ten minutes. */
  readonly token: string
}

/** Every command is shown as it is needed here: moved to another port, the ones without it would ask another Countersign. */
export const showNextSteps = ({ origin, token }: NextSteps): string => {
  const { port } = new URL(origin)
  const moved = Number(port) !== workerPortDefault
  const login = moved ? `npx countersign login --url ${origin}` : 'npx countersign login'
  const mint = `npm run token -- ${moved ? `--port ${port} ` : ''}--team checkout`
  return [
    strong('Your turn. This works as it stands; the token in it is good for ten minutes:'),
    '',
    `curl -i '${origin}/plugipay/api/v1/customers?limit=3' -H 'Authorization: Bearer ${token}'`,
    '',
    strong('Where to look next'),
    pair('log in', `${login}, in another terminal; then npx countersign call plugipay/api/v1/customers`),
    pair('or in a browser', `${origin}/dashboard/tokens, as ada (admin), lin (member) or kim (team-admin)`),
    pair('another token', `${mint} --scope 'plugipay:customer:read'`),
    pair(
      'a refused call',
      `leave the header out, or ask for /plugipay/api/v1/refunds; ${origin}/problems/scope_insufficient explains`,
    ),
    pair(
      'the books',
      `curl '${origin}/api/usage?team=checkout&by=upstream,outcome' -H "Authorization: Bearer $(sed -n s/^COUNTERSIGN_ADMIN_KEY=//p .dev.vars)"`,
    ),
    pair('what is running', 'src/sandbox/config.ts: upstreams, teams, grants, limits'),
    pair('your own', 'countersign.config.ts, then: npm start -- --config countersign.config.ts'),
    pair('all of it', 'README.md'),
  ].join('\n')
}

interface GreetingOptions {
  /** The upstreams' secrets are real ones, which somebody wrote into the file. */
  readonly ownSecrets: boolean
}

export const showGreeting = (origin: string, file: string, { ownSecrets }: GreetingOptions): string =>
  [
    strong(`Countersign runs at ${origin}`),
    quiet(
      `configuration: ${shownPath(file)}; secrets: .dev.vars${ownSecrets ? '' : ', made up at random on this machine'}`,
    ),
  ].join('\n')

/** Secrets that a configuration of one's own names and that have no real value yet. */
export const showUnset = (unset: readonly UnsetBinding[]): string =>
  [
    strong(
      'Without a real value in .dev.vars (calls with these keys are answered 503, or refused by the upstream):',
    ),
    ...unset.map(({ binding, neededBy, fault }) => pair(binding, `${neededBy}: ${fault}`)),
    'Give each a line NAME=value, and start again. README.md says which form a value has.',
  ].join('\n')

interface OwnConfiguration {
  readonly file: string
  readonly configuration: Configuration
}

export const showOwnSteps = (origin: string, { configuration, file }: OwnConfiguration): string => {
  const [team] = configuration.teams.keys()
  const [upstream] = configuration.teams.get(team ?? '')?.grants.keys() ?? []
  const lines = [strong('Your turn')]
  if (team !== undefined && upstream !== undefined) {
    const mint = `npm run -s token -- --config ${shownPath(file)} --team ${team}`
    lines.push(pair('a call', `curl -i ${origin}/${upstream}/... -H "Authorization: Bearer $(${mint})"`))
  }
  lines.push(pair('is it sound?', `curl ${origin}/readyz`))
  if (configuration.url !== origin) {
    const why = `url says that callers are at ${configuration.url}; make it ${origin} to try those`
    lines.push(pair('not here', `logins, personal tokens, links to /problems: ${why}`))
  }
  return lines.join('\n')
}

/** The Worker's line about a call (src/http/log.ts), as far as a person at a terminal looks at it; other lines as they are. */
export const showLogLine = (line: string): string => {
  const entry = parseCallLine(line)
  if (entry === null) return line
  const text = (name: string): string => String(entry[name] ?? '-')
  const route = entry['upstream'] === undefined ? '-' : `${text('upstream')} ${text('route')}`
  const verdict =
    entry['code'] === undefined
      ? upstreamVerdict(entry)
      : `  ${text('code')}${entry['reason'] === undefined ? '' : `: ${text('reason')}`}`
  const head = `${text('time').slice(11, 19)}  ${text('status')}  ${text('method').padEnd(6)} ${route}`
  return `${head}  ${quiet(`team ${text('team')}, ${text('millis')} ms`)}${verdict}`
}

/** An upstream's refusal passes through as it is, and would look like one of ours that gives no reason. */
const upstreamVerdict = (entry: Readonly<Record<string, unknown>>): string =>
  entry['outcome'] === '4xx' || entry['outcome'] === '5xx' ? `  answered by ${entry['upstream']}` : ''

const parseCallLine = (line: string): Readonly<Record<string, unknown>> | null => {
  try {
    const entry: unknown = JSON.parse(line)
    const isCall = typeof entry === 'object' && entry !== null && 'event' in entry && entry.event === 'call'
    return isCall ? { ...entry } : null
  } catch {
    return null
  }
}
