/**
 * AWS's side of Signature Version 4, written from the IAM user guide with node:crypto and sharing nothing with
 * `src/signing`.
 */
import { createHash, createHmac } from 'node:crypto'
import { headerValues } from '../harness/message.ts'
import type { ReceivedRequest } from './upstream.ts'

interface AwsAccount {
  readonly secret: string
  readonly host: string
}

interface Claims {
  readonly scope: string
  readonly date: string
  readonly signedHeaders: string
  readonly signature: string
}

/** null when the signature is right; otherwise what is wrong. */
export const awsFault = (request: ReceivedRequest, { secret, host }: AwsAccount): string | null => {
  const [path = '', query = ''] = request.target.split(/\?(.*)/s)
  const pairs = query === '' ? [] : query.split('&').filter((pair) => pair !== '')
  const claims = claimsOf(request, pairs)
  if (claims === null) return 'there is no signature'
  const { scope, date, signedHeaders, signature } = claims
  const [day = '', region = '', service = ''] = scope.split('/')
  if (!date.startsWith(day)) return 'the date is not that of the scope'
  if (Math.abs(Date.now() - timeOf(date)) > 900_000) return 'the time is off'
  const names = signedHeaders.split(';')
  for (const [name] of request.headers)
    if (/^x-amz-/i.test(name) && !names.includes(name.toLowerCase())) return `${name} was sent and not signed`
  const told = request.header('x-amz-content-sha256')
  const bodyHash = hash(request.body)
  if (told !== null && told !== 'UNSIGNED-PAYLOAD' && told !== bodyHash) return 'the body is another one'
  const presignedS3 = service === 's3' && request.header('authorization') === null
  const canonical = [
    request.method,
    service === 's3' ? s3Path(path) : otherPath(path),
    canonicalQuery(pairs.filter((pair) => !pair.startsWith('X-Amz-Signature='))),
    ...names.map(
      (name) => `${name}:${name === 'host' ? host : headerValues(request, name).map(trimmed).join(',')}`,
    ),
    '',
    signedHeaders,
    told ?? (presignedS3 ? 'UNSIGNED-PAYLOAD' : bodyHash),
  ].join('\n')
  const key = [day, region, service, 'aws4_request'].reduce<string | Buffer>(
    (parent, part) => createHmac('sha256', parent).update(part).digest(),
    `AWS4${secret}`,
  )
  const text = `AWS4-HMAC-SHA256\n${date}\n${scope}\n${hash(canonical)}`
  const expected = createHmac('sha256', key).update(text).digest('hex')
  return expected === signature ? null : `the canonical request should have been\n${canonical}`
}

const claimsOf = (request: ReceivedRequest, pairs: readonly string[]): Claims | null => {
  const form = /^AWS4-HMAC-SHA256 Credential=[^/]+\/([^,]+), SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/
  const [, scope, signedHeaders, signature] = form.exec(request.header('authorization') ?? '') ?? []
  const date = request.header('x-amz-date')
  if (scope && signedHeaders && signature && date) return { scope, date, signedHeaders, signature }
  const parameter = (name: string): string =>
    decodeURIComponent(pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1) ?? '')
  if (parameter('X-Amz-Algorithm') !== 'AWS4-HMAC-SHA256') return null
  return {
    scope: parameter('X-Amz-Credential').split('/').slice(1).join('/'),
    date: parameter('X-Amz-Date'),
    signedHeaders: parameter('X-Amz-SignedHeaders'),
    signature: parameter('X-Amz-Signature'),
  }
}

const timeOf = (date: string): number =>
  Date.parse(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'))

const hash = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex')
const trimmed = (value: string): string => value.trim().replace(/ +/g, ' ')

const uriEncode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`)

/** Segments of object keys, decoded with + as a space, and encoded anew. */
const s3Path = (path: string): string =>
  path
    .split('/')
    .map((segment) => uriEncode(decodeURIComponent(segment.replaceAll('+', ' '))))
    .join('/')

const otherPath = (path: string): string => path.replace(/\/+/g, '/').split('/').map(uriEncode).join('/')

const canonicalQuery = (pairs: readonly string[]): string =>
  pairs
    .map((pair) => {
      const [name = '', value = ''] = pair.split(/=(.*)/s)
      return [name, value].map((part) => uriEncode(decodeURIComponent(part.replaceAll('+', ' '))))
    })
    .sort(([name = '', value = ''], [other = '', otherValue = '']) =>
      name === other ? (value < otherValue ? -1 : 1) : name < other ? -1 : 1,
    )
    .map(([name, value]) => `${name}=${value}`)
    .join('&')
