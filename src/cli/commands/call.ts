import type { Command } from 'commander'
import { getAccessToken, isRenewable } from '../access.ts'
import { traceAnswer } from '../api.ts'
import { printAnswer, refusesToken } from '../call/answer.ts'
import type { CallBody } from '../call/body.ts'
import { type Field, fieldsToQuery, readTextField, readTypedField } from '../call/fields.ts'
import { nextPage } from '../call/next-page.ts'
import { readTarget } from '../call/target.ts'
import { collect, examples, runs } from '../command.ts'
import type { Context } from '../context.ts'
import { usageFailure } from '../failure.ts'
import { networkFailure } from '../network.ts'
import { errorCode } from '../private-files.ts'
import { type Answer, send } from '../transport.ts'
import { version } from '../version.ts'

interface CallOptions {
  readonly key?: string
  readonly rawField?: readonly string[]
  readonly field?: readonly string[]
  readonly header?: readonly string[]
  readonly input?: string
  readonly digest?: boolean
  readonly include?: boolean
  readonly paginate?: boolean
  readonly cursor: string
}

export function declareCall(program: Command): void {
  const call = program
    .command('call')
    .description('call an API through Countersign; the answer goes to stdout as it comes')
    .argument('[method]', 'GET, or POST when there are fields or an input')
    // Optional, because commander would take a lone argument for the method; `readCall` asks for it.
    .argument('[path]', 'upstream and path, such as plugipay/api/v1/customers?limit=3')
    .option('-k, --key <name>', 'which of the keys that your team was granted (Countersign-Key)')
    .option(
      '-f, --raw-field <key=text>',
      'a field of text; in the query of GET and HEAD, else in JSON',
      collect,
    )
    .option(
      '-F, --field <key=value>',
      'like -f; numbers, true, false, null are themselves, @file is read',
      collect,
    )
    .option('-H, --header <name: value>', 'a header of the request', collect)
    .option('--input <file>', 'the body; - is stdin, which streams')
    .option('--digest', 'send Content-Digest, so that a large body of --input streams through unread')
    .option('-i, --include', 'print the status and the headers too')
    .option('--paginate', 'follow Link or cursors to the last page, one answer after the other')
    .option('--cursor <parameter>', 'query parameter in which a cursor goes back', 'cursor')
  call.usage('[method] <path> [options]')
  runs(call, runCall)
  examples(call, [
    "countersign call 'plugipay/api/v1/customers?limit=3'",
    'countersign call plugipay/api/v1/customers -f name=Ada -f email=ada@acme.example --key test',
    'countersign call PATCH plugipay/api/v1/customers/cus_1 -F active=false',
    'countersign call POST orders/orders --input order.json --include',
  ])
}

interface Call {
  readonly url: URL
  readonly method: string
  readonly headers: ReadonlyMap<string, string>
  readonly body: CallBody | null
  readonly upstream: string
}

async function runCall(context: Context, options: CallOptions, args: readonly string[]): Promise<void> {
  let call = await readCall(context, options, args)
  const { include = false, paginate = false } = options
  const keep = paginate || context.terminal.json
  const seen = new Set<string>()
  for (;;) {
    const response = await sendWithToken(context, call)
    const text = await printAnswer(context, response, { include, upstream: call.upstream, keep }).catch(
      (error: unknown) => {
        throw brokenAnswer(context, error)
      },
    )
    if (!paginate) return
    seen.add(call.url.href)
    const url = nextPage(call.url, { headers: response.headers, text }, options.cursor)
    // A list that leads back to where it was would never end.
    if (url === null || seen.has(url.href)) return
    call = { ...call, url }
  }
}

/** A connection that breaks while the body comes is told as such; anything else is what it was. */
function brokenAnswer(context: Context, error: unknown): unknown {
  return errorCode(error) === '' ? error : networkFailure(context.url, error)
}

const methodForm = /^(GET|HEAD|POST|PUT|PATCH|DELETE)$/i

async function readCall(context: Context, options: CallOptions, args: readonly string[]): Promise<Call> {
  const [first, second] = args
  if (first === undefined) throw usageFailure('Name an upstream and a path.', 'countersign call --help')
  const path = second ?? first
  const fields: readonly Field[] = [
    ...(options.rawField ?? []).map(readTextField),
    ...(options.field ?? []).map(readTypedField),
  ]
  const hasBody = fields.length > 0 || options.input !== undefined
  const method = (second === undefined ? (hasBody ? 'POST' : 'GET') : first).toUpperCase()
  if (!methodForm.test(method)) {
    throw usageFailure(
      `${first} is not a method that is forwarded.`,
      'GET, HEAD, POST, PUT, PATCH or DELETE.',
    )
  }
  if (options.paginate === true && method !== 'GET') throw usageFailure('--paginate goes with GET.')

  const url = readTarget(context.url, path)
  const headers = readHeaders(options)
  const body = await readBody(method, fields, options)
  if (method === 'GET' || method === 'HEAD') appendQuery(url, fieldsToQuery(fields))
  if (body !== null && !headers.has('content-type')) headers.set('content-type', body.contentType)
  if (options.digest === true) {
    if (body === null) throw usageFailure('--digest goes with a body.')
    headers.set('content-digest', await body.digest())
  }
  return { url, method, headers, body, upstream: url.pathname.split('/')[1] ?? '' }
}

async function readBody(
  method: string,
  fields: readonly Field[],
  { input }: CallOptions,
): Promise<CallBody | null> {
  const bodyless = method === 'GET' || method === 'HEAD'
  if (input === undefined && (bodyless || fields.length === 0)) return null
  // Most calls have no body, and what it takes to make one is slow to load.
  const { bodyOfFields, bodyOfInput } = await import('../call/body.ts')
  if (input === undefined) return bodyOfFields(fields)
  if (bodyless) throw usageFailure(`${method} has no body; leave --input out.`)
  if (fields.length > 0) throw usageFailure('A body is made of fields or read with --input, not both.')
  return bodyOfInput(input)
}

function appendQuery(url: URL, query: string): void {
  if (query !== '') url.search = url.search === '' ? query : `${url.search}&${query}`
}

/** Headers that would say who calls, or how long a body is, are ours to set. */
const ownHeaders =
  /^(authorization|countersign-authorization|host|cookie|content-length|transfer-encoding|connection)$/

function readHeaders({ header = [], key }: CallOptions): Map<string, string> {
  const headers = new Map([
    ['user-agent', `countersign-cli/${version}`],
    ['accept', '*/*'],
  ])
  for (const line of header) {
    const [, name, value = ''] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$/.exec(line) ?? []
    if (name === undefined) throw usageFailure('A header reads "Name: value".')
    const lower = name.toLowerCase()
    if (ownHeaders.test(lower)) throw usageFailure(`${name} is set by countersign itself.`)
    headers.set(lower, headerValue(name, value))
  }
  if (key !== undefined) headers.set('countersign-key', headerValue('--key', key))
  return headers
}

/** Visible ASCII and blanks: what every hop of HTTP takes. */
function headerValue(name: string, value: string): string {
  if (/^[\t\x20-\x7e]*$/.test(value)) return value
  throw usageFailure(`${name} holds characters that no header can.`)
}

/** Once more with a new token, when Countersign refused the one at hand and the body can be sent again. */
async function sendWithToken(context: Context, call: Call): Promise<Answer> {
  const { text } = await getAccessToken(context, 'calls')
  const answer = await sendOnce(context, call, text)
  const again = isRenewable(context.credential) && (call.body?.replayable ?? true)
  if (!again || !refusesToken(answer)) return answer
  answer.discard()
  const renewed = await getAccessToken(context, 'calls', { refused: text })
  return sendOnce(context, call, renewed.text)
}

async function sendOnce(context: Context, call: Call, token: string): Promise<Answer> {
  const { url, method } = call
  const headers = new Map(call.headers).set('authorization', `Bearer ${token}`)
  const startedAt = performance.now()
  try {
    const response = await send({ ...call, headers })
    traceAnswer(context, `${method} ${url.origin}${url.pathname}`, { response, startedAt })
    return response
  } catch (error) {
    throw networkFailure(context.url, error)
  }
}
