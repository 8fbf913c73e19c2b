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
import { type Bytes, hex, utf8 } from '../core/bytes.ts'
import { signingDayKeysMax } from '../core/limits.ts'
import { Refusal } from '../core/problems.ts'
import { Secret } from '../core/redact.ts'
import { canonicalQuery, canonicalRequest, type HeaderField, signedHeaders } from './aws-canonical.ts'
import { type AwsOptions, ownedHeaders, parseAwsOptions } from './aws-options.ts'
import { bodySha256Hex, hmac, type ImportedKey, importHmacKey, sha256 } from './digest.ts'
import { ownedNames, type Pair, percentEncode, refuseQueryNames } from './query-string.ts'
import { type Edits, SecretFault, type SignRequest, type SignScheme } from './scheme.ts'
import { parsePair, parseWhole } from './secret.ts'

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
  readonly date: string
  readonly scope: string
  /** Names of the headers that are covered, as a list. */
  readonly signedNames: string
  readonly added: readonly HeaderField[]
  readonly query: readonly Pair[]
  readonly canonicalRequest: string
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
    const [accessKeyId, rest] = parsePair(text, ['accessKeyId', 'secret'])
    if (!/^[\w-]{3,128}$/.test(accessKeyId))
      throw new SecretFault('the accessKeyId of <accessKeyId>:<secret> has letters, digits, _ and - only')
    const colon = rest.indexOf(':')
    const secret = parseWhole(colon === -1 ? rest : rest.slice(0, colon), 'the secret')
    const token = colon === -1 ? null : parseWhole(rest.slice(colon + 1), 'the session token')
    if (token !== null && !/^[\x21-\x7e]+$/.test(token))
      throw new SecretFault('the session token has only visible ASCII')
    return {
      accessKeyId,
      secret: new Secret(secret),
      sessionToken: token === null ? null : new Secret(token),
    }
  },
  owns: () => ownedHeaders,
  bodyNeed: ({ payload }) => (payload === 'unsigned' ? 'none' : 'sha256'),
  prepare: (secret) => ({ ...secret, dayKeys: new Map() }),
  stages: async (request, options, key, { now }) => {
    const draft = draftOf(request, options, key, { now, payloadHash: await payloadHashOf(request, options) })
    return [
      { name: 'canonical request', text: maskedToken(draft.canonicalRequest, key.sessionToken) },
      { name: 'string to sign', text: await stringToSign(draft) },
    ]
  },
  // Waits twice, for the hash and for the signature: WebCrypto has nothing that would not make it wait.
  sign: async (request, options, key, { now }) => {
    const hash = payloadHashOf(request, options)
    const payloadHash = typeof hash === 'string' ? hash : await hash
    const draft = draftOf(request, options, key, { now, payloadHash })
    const text = await stringToSign(draft)
    const day = draft.date.slice(0, 8)
    const dayKey = key.dayKeys.get(day) ?? (await deriveDayKey(key, day, options))
    return placed(draft, hex(new Uint8Array(await hmac(dayKey, utf8(text)))), options, key)
  },
  sends: ({ sessionToken }) =>
    sessionToken === null ? [] : [...new Set([sessionToken.reveal(), percentEncode(sessionToken.reveal())])],
}

function draftOf(
  request: SignRequest,
  options: AwsOptions,
  key: AwsKey,
  { now, payloadHash }: { readonly now: number; readonly payloadHash: string },
): Draft {
  refuseQueryNames(request.query, ownedParameters)
  const date = basicIso(now)
  const scope = `${date.slice(0, 8)}/${options.region}/${options.service}/aws4_request`
  const added = addedHeaders(date, payloadHash, options, key)
  const covered = coveredHeaders(request, options, added)
  const signedNames = signedHeaders(covered)
  const query = options.placement === 'query' ? addedQuery({ date, scope, signedNames, options, key }) : []
  return {
    date,
    scope,
    signedNames,
    added,
    query,
    canonicalRequest: canonicalRequest({
      method: request.method,
      uri: options.canonicalUri(request.path),
      query: canonicalQuery(request.query, query),
      headers: covered,
      signedNames,
      payloadHash,
    }),
  }
}

/** ISO 8601 in basic format, to the second. */
function basicIso(now: number): string {
  return `${new Date(now).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`
}

function payloadHashOf(request: SignRequest, { payload }: AwsOptions): string | Promise<string> {
  return payload === 'unsigned' ? 'UNSIGNED-PAYLOAD' : bodySha256Hex(request.body)
}

/** Headers that we set and sign, Authorization aside. */
function addedHeaders(
  date: string,
  payloadHash: string,
  { placement, contentHeader, sessionToken }: AwsOptions,
  key: AwsKey,
): readonly HeaderField[] {
  const headers: HeaderField[] = []
  if (contentHeader) headers.push(['x-amz-content-sha256', payloadHash])
  if (placement === 'query') return headers
  headers.push(['x-amz-date', date])
  if (key.sessionToken !== null && sessionToken === 'signed')
    headers.push(['x-amz-security-token', key.sessionToken.reveal()])
  return headers
}

function coveredHeaders(
  request: SignRequest,
  options: AwsOptions,
  added: readonly HeaderField[],
): readonly HeaderField[] {
  const covered = [...added]
  const cover = (name: string): void => {
    if (!covered.some(([known]) => known === name)) covered.push([name, headerValue(request, name)])
  }
  cover('host')
  for (const name of options.signedHeaders) cover(name)
  for (const name of request.headerNames()) {
    if (name === 'content-type' || name.startsWith('x-amz-')) cover(name)
  }
  return covered.sort(([one], [other]) => (one < other ? -1 : 1))
}

function headerValue(request: SignRequest, name: string): string {
  const value = name === 'host' ? request.host : request.header(name)
  if (value === null)
    throw new Refusal('header_invalid', { detail: `Send the header ${name}: this upstream signs it.` })
  if (!/^[\t\r\n\x20-\x7e]*$/.test(value))
    throw new Refusal('header_invalid', { detail: `The header ${name} is signed and must be ASCII.` })
  return value
}

interface QueryParts {
  readonly date: string
  readonly scope: string
  readonly signedNames: string
  readonly options: AwsOptions
  readonly key: AwsKey
}

/** In the order of AWS's own presigned URLs. */
function addedQuery({ date, scope, signedNames, options, key }: QueryParts): readonly Pair[] {
  return [
    ['X-Amz-Algorithm', algorithm],
    ['X-Amz-Credential', percentEncode(`${key.accessKeyId}/${scope}`)],
    ['X-Amz-Date', date],
    ['X-Amz-SignedHeaders', percentEncode(signedNames)],
    ['X-Amz-Expires', String(options.expiresSeconds)],
    ...(key.sessionToken !== null && options.sessionToken === 'signed'
      ? tokenParameter(key.sessionToken)
      : []),
  ]
}

function tokenParameter(token: Secret): readonly Pair[] {
  return [['X-Amz-Security-Token', percentEncode(token.reveal())]]
}

async function stringToSign({ date, scope, canonicalRequest: canonical }: Draft): Promise<string> {
  const hash = await sha256(utf8(canonical))
  return `${algorithm}\n${date}\n${scope}\n${hex(new Uint8Array(hash))}`
}

function placed(draft: Draft, signature: string, options: AwsOptions, key: AwsKey): Edits {
  const appended = key.sessionToken !== null && options.sessionToken === 'appended' ? key.sessionToken : null
  if (options.placement === 'query') {
    return {
      set: draft.added,
      query: [
        ...draft.query,
        ...(appended === null ? [] : tokenParameter(appended)),
        ['X-Amz-Signature', signature],
      ],
    }
  }
  const credential = `${key.accessKeyId}/${draft.scope}`
  return {
    set: [
      ...draft.added,
      ...(appended === null ? [] : [['x-amz-security-token', appended.reveal()] as const]),
      [
        'authorization',
        `${algorithm} Credential=${credential}, SignedHeaders=${draft.signedNames}, Signature=${signature}`,
      ],
    ],
  }
}

/** Derives the key of a day once; the one of yesterday stays for requests that are under way at midnight. */
async function deriveDayKey(key: AwsKey, day: string, { region, service }: AwsOptions): Promise<ImportedKey> {
  let derived: Bytes = utf8(`AWS4${key.secret.reveal()}`)
  for (const part of [day, region, service, 'aws4_request'])
    derived = new Uint8Array(await hmac(await importHmacKey(derived), utf8(part)))
  const imported = await importHmacKey(derived)
  key.dayKeys.set(day, imported)
  for (const oldest of key.dayKeys.keys()) {
    if (key.dayKeys.size <= signingDayKeysMax) break
    key.dayKeys.delete(oldest)
  }
  return imported
}

/** A session token is a secret, and it is part of the canonical request: stages show that it is there. */
function maskedToken(text: string, token: Secret | null): string {
  return token === null
    ? text
    : text.replaceAll(token.reveal(), '[redacted]').replaceAll(percentEncode(token.reveal()), '[redacted]')
}
