import type { Command } from 'commander'
import { getAccessToken, isRenewable } from '../access.ts'
import { traceAnswer } from '../api.ts'
import { printAnswer, refusesToken } from '../call/answer.ts'
import { bodyOfFields, bodyOfInput, type CallBody, contentDigest } from '../call/body.ts'
import { type Field, fieldsToQuery, readTextField, readTypedField } from '../call/fields.ts'
import { nextPage } from '../call/next-page.ts'
import { readTarget } from '../call/target.ts'
import { collect, examples, runs } from '../command.ts'
import type { Context } from '../context.ts'
import { usageFailure } from '../failure.ts'
import { networkFailure } from '../network.ts'
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

export const declareCall = (program: Command): void => {
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
    'countersign call plugipay/api/v1/customers?limit=3',
    'countersign call plugipay/api/v1/customers -f name=Ada -f email=ada@acme.example --key test',
    'countersign call PATCH plugipay/api/v1/customers/cus_1 -F active=false',
    'countersign call POST orders/orders --input order.json --include',
  ])
}

interface Call {
  readonly url: URL
  readonly method: string
  readonly headers: Headers
  readonly body: CallBody | null
  readonly upstream: string
}

const runCall = async (context: Context, options: CallOptions, args: readonly string[]): Promise<void> => {
  let call = await readCall(context, options, args)
  const { include = false, paginate = false } = options
  const keep = paginate || context.terminal.json
  const seen = new Set<string>()
  for (;;) {
    const response = await sendWithToken(context, call)
    const text = await printAnswer(context, response, { include, upstream: call.upstream, keep })
    if (!paginate) return
    seen.add(call.url.href)
    const url = nextPage(call.url, { headers: response.headers, text }, options.cursor)
    // A list that leads back to where it was would never end.
    if (url === null || seen.has(url.href)) return
    call = { ...call, url }
  }
}

const methodForm = /^(GET|HEAD|POST|PUT|PATCH|DELETE)$/i

const readCall = async (context: Context, options: CallOptions, args: readonly string[]): Promise<Call> => {
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
    headers.set('content-digest', await contentDigest(body))
  }
  return { url, method, headers, body, upstream: url.pathname.split('/')[1] ?? '' }
}

const readBody = async (
  method: string,
  fields: readonly Field[],
  { input }: CallOptions,
): Promise<CallBody | null> => {
  const bodyless = method === 'GET' || method === 'HEAD'
  if (input === undefined) return bodyless || fields.length === 0 ? null : bodyOfFields(fields)
  if (bodyless) throw usageFailure(`${method} has no body; leave --input out.`)
  if (fields.length > 0) throw usageFailure('A body is made of fields or read with --input, not both.')
  return bodyOfInput(input)
}

const appendQuery = (url: URL, query: string): void => {
  if (query !== '') url.search = url.search === '' ? query : `${url.search}&${query}`
}

/** Headers that would say who calls are ours to set. */
const ownHeaders = /^(authorization|countersign-authorization|host|cookie)$/i

const readHeaders = ({ header = [], key }: CallOptions): Headers => {
  const headers = new Headers({ 'user-agent': `countersign-cli/${version}`, accept: '*/*' })
  for (const line of header) {
    const [, name = '', value = ''] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):\s*(.*)$/.exec(line) ?? []
    if (name === '') throw usageFailure('A header reads "Name: value".')
    if (ownHeaders.test(name)) throw usageFailure(`${name} is set by countersign itself.`)
    setHeader(headers, name, value)
  }
  if (key !== undefined) setHeader(headers, 'countersign-key', key)
  return headers
}

const setHeader = (headers: Headers, name: string, value: string): void => {
  try {
    headers.set(name, value)
  } catch {
    throw usageFailure(`${name} holds characters that no header can.`)
  }
}

/** Once more with a new token, when Countersign refused the one at hand and the body can be sent again. */
const sendWithToken = async (context: Context, call: Call): Promise<Response> => {
  const { text } = await getAccessToken(context, 'calls')
  const response = await send(context, call, text)
  const again = isRenewable(context.credential) && (call.body?.replayable ?? true)
  if (!again || !refusesToken(response)) return response
  await response.body?.cancel()
  const renewed = await getAccessToken(context, 'calls', { refused: text })
  return send(context, call, renewed.text)
}

const send = async (context: Context, call: Call, token: string): Promise<Response> => {
  const { url, method, body } = call
  const headers = new Headers(call.headers)
  headers.set('authorization', `Bearer ${token}`)
  const startedAt = performance.now()
  try {
    const init = { method, headers, redirect: 'manual', duplex: 'half' } as const
    const response = await fetch(url, body === null ? init : { ...init, body: body.content })
    traceAnswer(context, `${method} ${url.origin}${url.pathname}`, { response, startedAt })
    return response
  } catch (error) {
    throw networkFailure(context.url, error)
  }
}
