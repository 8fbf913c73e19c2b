/**
 * `aws-sigv4` (AWS Signature Version 4): HMAC-SHA256 with a key derived for the day, region and service, in
 * Authorization or in the query.
 *
 * Covered: method, path, query, host, content-type, every `x-amz-*` header that is sent (AWS refuses those that
 * are sent and not signed), what `signedHeaders` names, and the body by its SHA-256. With `payload: 'unsigned'`
 * the body is not covered and streams through; S3 takes that over TLS, most other services do not. Nothing that
 * the edge behind us may rewrite is covered (G04).
 *
 * One instant serves the date of the scope and X-Amz-Date (G03).
 */
import { hex, utf8 } from '../core/bytes.ts'
import { signingDayKeysMax } from '../core/limits.ts'
import { requestInvalid } from '../core/problems.ts'
import { Secret } from '../core/redact.ts'
import { canonicalHeaders, canonicalQuery } from './aws-canonical.ts'
import { type AwsOptions, ownedHeaders, parseAwsOptions } from './aws-options.ts'
import { bodySha256Hex, hmac, type ImportedKey, importHmacKey, sha256 } from './digest.ts'
import { bothForms, ownedNames, type Pair, percentEncode, refuseQueryNames } from './query-string.ts'
import { SecretFault, type SignRequest, type SignScheme } from './scheme.ts'
import { parseParts, parseVisible, withoutSecrets } from './secret.ts'
import { signedField } from './signed-field.ts'

interface AwsSecret {
  readonly accessKeyId: string
  readonly secret: Secret
  readonly sessionToken: Secret | null
}

interface AwsKey extends AwsSecret {
  /** By date, the newest last: the day that ends and the day that begins. */
  readonly dayKeys: Map<string, ImportedKey>
}

/** Everything between a request and its signature. */
interface Draft {
  /** `<day>/<region>/<service>/aws4_request`. */
  readonly scope: string
  /** Names of the headers that are covered, as a list. */
  readonly signedNames: string
  readonly set: readonly Pair[]
  readonly query: readonly Pair[]
  readonly canonicalRequest: string
  readonly stringToSign: string
}

const algorithm = 'AWS4-HMAC-SHA256'
/** A caller's own presigned parameters would make AWS see two signatures, or another one than ours. */
const ownedParameters = ownedNames([
  'X-Amz-Algorithm',
  'X-Amz-Credential',
  'X-Amz-Date',
  'X-Amz-Expires',
  'X-Amz-Security-Token',
  'X-Amz-Signature',
  'X-Amz-SignedHeaders',
])

export const awsSigv4: SignScheme<AwsOptions, AwsSecret, AwsKey> = {
  kind: 'sign',
  parseOptions: parseAwsOptions,
  parseSecret: (text) => {
    const names = ['accessKeyId', 'secret', 'session token'].slice(0, Math.max(2, text.split(':').length))
    const [accessKeyId = '', secret = '', sessionToken] = parseParts(text, names)
    if (!/^[\w-]{3,128}$/.test(accessKeyId))
      throw new SecretFault('the accessKeyId of <accessKeyId>:<secret> has letters, digits, _ and - only')
    return {
      accessKeyId,
      secret: new Secret(secret),
      sessionToken:
        sessionToken === undefined ? null : new Secret(parseVisible(sessionToken, 'the session token')),
    }
  },
  owns: () => ownedHeaders,
  bodyNeed: ({ payload }) => (payload === 'unsigned' ? 'none' : 'sha256'),
  prepare: (secret) => ({ ...secret, dayKeys: new Map() }),
  stages: async (request, options, key, { now }) => {
    const { canonicalRequest, stringToSign } = await draftOf(request, options, key, now)
    return [
      // A session token is a secret, and part of what is signed: the stage shows that it is there.
      { name: 'canonical request', text: withoutSecrets(canonicalRequest, sentForms(key)) },
      { name: 'string to sign', text: stringToSign },
    ]
  },
  sign: async (request, options, key, { now }) => {
    const { scope, signedNames, set, query, stringToSign } = await draftOf(request, options, key, now)
    const dayKey = key.dayKeys.get(scope.slice(0, 8)) ?? (await deriveDayKey(key, scope))
    const signature = hex(new Uint8Array(await hmac(dayKey, utf8(stringToSign))))
    const appended = tokenPairs(key, options, 'appended')
    if (options.placement === 'query')
      return { set, query: [...query, ...appended, ['X-Amz-Signature', signature]] }
    const credential = `${key.accessKeyId}/${scope}`
    const authorization = `${algorithm} Credential=${credential}, SignedHeaders=${signedNames}, Signature=${signature}`
    return { set: [...set, ...appended, ['authorization', authorization]] }
  },
  sends: sentForms,
}

function sentForms({ sessionToken }: AwsSecret): readonly string[] {
  return sessionToken === null ? [] : bothForms(sessionToken.reveal())
}

async function draftOf(request: SignRequest, options: AwsOptions, key: AwsKey, now: number): Promise<Draft> {
  refuseQueryNames(request.query, ownedParameters)
  const inQuery = options.placement === 'query'
  const payloadHash = options.payload === 'unsigned' ? 'UNSIGNED-PAYLOAD' : await bodySha256Hex(request.body)
  // ISO 8601 in basic format, to the second.
  const date = `${new Date(now).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`
  const scope = `${date.slice(0, 8)}/${options.region}/${options.service}/aws4_request`
  const token = tokenPairs(key, options, 'signed')
  const set: readonly Pair[] = [
    ...(options.contentHeader ? [['x-amz-content-sha256', payloadHash] as const] : []),
    ...(inQuery ? [] : [['x-amz-date', date] as const, ...token]),
  ]
  const covered = coveredHeaders(request, options, set)
  const signedNames = covered.map(([name]) => name).join(';')
  // In the order of AWS's own presigned URLs.
  const query: readonly Pair[] = inQuery
    ? [
        ['X-Amz-Algorithm', algorithm],
        ['X-Amz-Credential', percentEncode(`${key.accessKeyId}/${scope}`)],
        ['X-Amz-Date', date],
        ['X-Amz-SignedHeaders', percentEncode(signedNames)],
        ['X-Amz-Expires', String(options.expiresSeconds)],
        ...token,
      ]
    : []
  const canonicalRequest = [
    request.method,
    options.canonicalUri(request.path),
    canonicalQuery(request.query, query),
    canonicalHeaders(covered),
    signedNames,
    payloadHash,
  ].join('\n')
  const hash = hex(new Uint8Array(await sha256(utf8(canonicalRequest))))
  const stringToSign = `${algorithm}\n${date}\n${scope}\n${hash}`
  return { scope, signedNames, set, query, canonicalRequest, stringToSign }
}

/** The session token, where this upstream takes it in this way. */
function tokenPairs(
  { sessionToken }: AwsSecret,
  options: AwsOptions,
  way: AwsOptions['sessionToken'],
): readonly Pair[] {
  if (sessionToken === null || options.sessionToken !== way) return []
  const token = sessionToken.reveal()
  return options.placement === 'query'
    ? [['X-Amz-Security-Token', percentEncode(token)]]
    : [['x-amz-security-token', token]]
}

function coveredHeaders(
  request: SignRequest,
  { signedHeaders }: AwsOptions,
  set: readonly Pair[],
): readonly Pair[] {
  const names = request.headerNames()
  if (names.includes('content-encoding')) refuseChunked(request.header('content-encoding') ?? '')
  const sent = names.filter((name) => name === 'content-type' || name.startsWith('x-amz-'))
  const covered = new Map(set)
  for (const name of ['host', ...signedHeaders, ...sent])
    if (!covered.has(name)) covered.set(name, headerValue(request, name))
  return [...covered].sort(([one], [other]) => (one < other ? -1 : 1))
}

/** The signatures between its chunks are the caller's, and without what the SDK says of them AWS keeps them as content. */
function refuseChunked(encoding: string): void {
  if (/\baws-chunked\b/i.test(encoding))
    throw requestInvalid(
      "Send the body as it is, not in aws-chunked encoding: set the SDK's requestChecksumCalculation to WHEN_REQUIRED.",
    )
}

function headerValue(request: SignRequest, name: string): string {
  const value = name === 'host' ? request.host : request.header(name)
  return signedField(name, value, /^[\t\r\n\x20-\x7e]*$/)
}

/** Derives the key of a day once; the one of yesterday stays for requests that are under way at midnight. */
async function deriveDayKey(key: AwsKey, scope: string): Promise<ImportedKey> {
  let dayKey = await importHmacKey(utf8(`AWS4${key.secret.reveal()}`))
  for (const part of scope.split('/'))
    dayKey = await importHmacKey(new Uint8Array(await hmac(dayKey, utf8(part))))
  key.dayKeys.set(scope.slice(0, 8), dayKey)
  for (const oldest of key.dayKeys.keys()) {
    if (key.dayKeys.size <= signingDayKeysMax) break
    key.dayKeys.delete(oldest)
  }
  return dayKey
}
