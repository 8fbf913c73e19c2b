/** The parts that a string may have: each kind is one row, which reads its options and says how it is written. */
import type { Bytes } from '../../core/bytes.ts'
import { type Refusal, requestInvalid } from '../../core/problems.ts'
import { table } from '../../core/table.ts'
import { bodyBytes } from '../digest.ts'
import { isUnsignable, type OptionReader } from '../options.ts'
import { percentDecode, percentEncode, rawPairs } from '../query-string.ts'
import type { BodyNeed, ReportFault } from '../scheme.ts'
import { signedField } from '../signed-field.ts'
import { commonParts } from './common-parts.ts'
import type { Shape } from './separation.ts'
import type { Sheet } from './sheet.ts'

export type Written = string | Bytes

export interface Part {
  readonly kind: string
  readonly shape: Shape
  readonly bodyNeed: BodyNeed
  /** Throws Refusal when the request lacks the part: never an empty text in its place. */
  readonly write: (sheet: Sheet) => Written | Promise<Written>
}

const digits = '0123456789'
const upper = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'
const letters = upper + upper.toLowerCase()
const unreserved = `${letters}${digits}-._~`

function sized(name: string, first: string | null): Shape {
  return { extent: 'sized', first, mayBeEmpty: false, name }
}

function free(name: string, first: string | null, { mayBeEmpty = false } = {}): Shape {
  return { extent: 'free', first, mayBeEmpty, name }
}

function part(
  kind: string,
  shape: Shape,
  write: Part['write'],
  { bodyNeed = 'none' }: { readonly bodyNeed?: BodyNeed } = {},
): Part {
  return { kind, shape, bodyNeed, write }
}

function common(kind: keyof typeof commonParts, shape: Shape, options: OptionReader): Part {
  return { kind, shape, ...commonParts[kind](options) }
}

/** Path and query come from a parsed URL; whatever else they might hold would be read differently elsewhere. */
function visible(text: string, what: string): string {
  if (/^[\x21-\x7e]*$/.test(text)) return text
  throw requestInvalid(`The ${what} must be visible ASCII to be signed.`)
}

const bodyStarts = {
  json: { first: '{[', form: /^[{[]/, what: 'a JSON object or array' },
  form: { first: letters, form: /^[A-Za-z]/, what: 'a form whose first name begins with a letter' },
} as const

type PartReader = (options: OptionReader, fault: ReportFault) => Part

export const partReaders: Readonly<Record<string, PartReader>> = table({
  method: () => part('method', free('the method', upper), ({ request }) => request.method),
  origin: () => part('origin', sized('the origin', 'h'), ({ request }) => request.origin),
  host: () => part('host', sized('the host', null), ({ request }) => request.host),
  path: (options) => {
    const encode = options.choice('encode', ['percent', 'none'], 'none') === 'percent'
    return part('path', free('the path', encode ? '%' : '/'), ({ request: { path } }) =>
      encode ? percentEncode(visible(path, 'path')) : visible(path, 'path'),
    )
  },
  query: (options) => {
    const sorted = options.choice('order', ['sent', 'sorted'], 'sent') === 'sorted'
    const mark = options.flag('mark', !sorted)
    const encode = options.choice('encode', ['percent', 'none'], 'none') === 'percent'
    const first = mark ? (encode ? '%' : '?') : null
    return part('query', free('the query', first, { mayBeEmpty: true }), ({ query }) => {
      const text = queryText(query, { sorted, mark })
      return encode ? percentEncode(text) : text
    })
  },
  header: (options, fault) => {
    const name = options.text('name').toLowerCase()
    if (name !== '') checkSignableHeader(name, fault)
    const prefix = options.optionalText('ifSent', null)
    const shape = free(`the header ${name}`, prefix === null ? null : prefix.slice(0, 1), {
      mayBeEmpty: prefix !== null,
    })
    return part('header', shape, ({ request }) => headerText(request.header(name), name, prefix))
  },
  timestamp: (options) => common('timestamp', sized('the timestamp', digits), options),
  nonce: (options) => common('nonce', sized('the nonce', `${digits}abcdef`), options),
  'key-id': (options) => common('key-id', sized('the key id', null), options),
  body: (options) => {
    const begins = options.choice('begins', ['json', 'form', 'anything'], 'anything')
    const start = begins === 'anything' ? null : bodyStarts[begins]
    const write: Part['write'] = ({ request }) => {
      const bytes = bodyBytes(request.body)
      // As text it leaves the string a text, which is joined and encoded at once.
      if (bytes.length === 0) return ''
      if (start !== null && !start.form.test(String.fromCharCode(bytes[0] ?? 0)))
        throw requestInvalid(`This upstream signs bodies that are ${start.what}.`)
      return bytes
    }
    return part('body', free('the body', start?.first ?? null, { mayBeEmpty: true }), write, {
      bodyNeed: 'bytes',
    })
  },
  'body-digest': (options) => common('body-digest', sized('the digest', null), options),
  'no-body': () =>
    part('no-body', { ...sized('nothing', ''), mayBeEmpty: true }, ({ request }) => {
      if (request.body.kind !== 'empty')
        throw requestInvalid(
          'The signature of this upstream does not cover a body; send the parameters in the query.',
        )
      return ''
    }),
  'form-field': (options) => {
    const name = options.text('name')
    return part(
      'form-field',
      free(`the form field ${name}`, unreserved),
      ({ request }) => formField(bodyBytes(request.body), name),
      { bodyNeed: 'bytes' },
    )
  },
})

/** ASCII that stands for itself. */
export function parseLiteral(text: string, fault: ReportFault): Part {
  if (!/^[\x00-\x7f]+$/.test(text)) fault('', 'must be ASCII that is not empty')
  return part('literal', sized(JSON.stringify(text), text.slice(0, 1)), () => text)
}

/** Headers that a proxy behind us rewrites cannot be signed. `name` in lower case. */
function checkSignableHeader(name: string, fault: ReportFault): void {
  if (isUnsignable(name))
    fault('name', `${name} cannot be signed: it is not a header that arrives as it was sent`)
}

function headerText(value: string | null, name: string, prefix: string | null): string {
  if (value === null && prefix !== null) return ''
  return (prefix ?? '') + signedField(name, value, /^[\x20-\x7e]+$/)
}

function queryText(query: string, { sorted, mark }: { sorted: boolean; mark: boolean }): string {
  visible(query, 'query')
  if (query === '?' && (sorted || !mark))
    throw requestInvalid('Leave out a question mark that no query follows.')
  const text = sorted ? sortedQuery(query) : query.slice(1)
  return mark && query !== '' ? `?${text}` : text
}

function sortedQuery(query: string): string {
  if (query.includes('+'))
    throw requestInvalid(
      'Send a space of the query as %20 and a plus as %2B: this upstream signs the decoded query.',
    )
  const pairs = rawPairs(query).map(([name, value]) => {
    if (name === '') throw requestInvalid('The query has a parameter without name.')
    return [percentEncode(percentDecode(name)), percentEncode(percentDecode(value ?? ''))] as const
  })
  const ordered = pairs.toSorted(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0))
  for (const [index, [name]] of ordered.entries()) {
    if (ordered[index + 1]?.[0] === name)
      throw requestInvalid(
        'A query parameter was sent twice, and this upstream signs the query in sorted order.',
      )
  }
  return ordered.map(([name, value]) => `${name}=${value}`).join('&')
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function formField(bytes: Bytes, name: string): string {
  const missing = (): Refusal =>
    requestInvalid(
      `Send the form field ${name} once, of letters, digits, - . _ and ~: this upstream signs it.`,
    )
  let text: string
  try {
    text = decoder.decode(bytes)
  } catch {
    throw missing()
  }
  const values = rawPairs(`?${text}`).filter(([raw]) => raw === name)
  const value = values.length === 1 ? values[0]?.[1] : null
  if (value === null || value === undefined || !/^[\w.~-]+$/.test(value)) throw missing()
  return value
}
