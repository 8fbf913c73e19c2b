/** The options of `aws-sigv4`. */
import { doublyEncodedUri, singlyEncodedUri } from './aws-canonical.ts'
import { isUnsignable, OptionReader } from './options.ts'
import type { ReportFault } from './scheme.ts'

export interface AwsSigv4Definition {
  readonly scheme: 'aws-sigv4'
  /** The name in the credential scope: `s3`, `execute-api`, `dynamodb`, `es`, ... */
  readonly service: string
  readonly region: string
  /** Default 'header'. */
  readonly placement?: 'header' | 'query'
  /** Default 'signed'; for S3 in the query 'unsigned', as S3 expects of presigned URLs. */
  readonly payload?: 'signed' | 'unsigned'
  /** How long a signature in the query holds. Default 300, at most 604800. */
  readonly expiresSeconds?: number
  /** Headers to cover besides; a request without one of them is refused. */
  readonly signedHeaders?: readonly string[]
}

export interface AwsOptions {
  readonly service: string
  readonly region: string
  readonly placement: 'header' | 'query'
  readonly payload: 'signed' | 'unsigned'
  readonly expiresSeconds: number
  readonly signedHeaders: readonly string[]
  readonly canonicalUri: (path: string) => string
  /** Whether X-Amz-Content-Sha256 tells how the body was covered: S3 needs it. */
  readonly contentHeader: boolean
  /** IoT's gateway takes the session token unsigned, behind the signature. */
  readonly sessionToken: 'signed' | 'appended'
}

const s3Services: ReadonlySet<string> = new Set(['s3', 's3express', 's3-outposts', 's3-object-lambda'])
/** What the scheme sets, in lower case. */
export const ownedHeaders = [
  'authorization',
  'x-amz-date',
  'x-amz-security-token',
  'x-amz-content-sha256',
] as const

export function parseAwsOptions(input: Readonly<Record<string, unknown>>, fault: ReportFault): AwsOptions {
  const options = new OptionReader(input, fault)
  const scopePart = (name: string): string => {
    const value = options.text(name)
    if (value !== '' && !/^[a-z0-9-]{1,64}$/i.test(value)) fault(name, 'must have letters, digits and - only')
    return value
  }
  const service = scopePart('service')
  const region = scopePart('region')
  const placement = options.choice('placement', ['header', 'query'], 'header')
  const s3 = s3Services.has(service)
  const payload = options.choice(
    'payload',
    ['signed', 'unsigned'],
    s3 && placement === 'query' ? 'unsigned' : 'signed',
  )
  const expiresSeconds = options.integer('expiresSeconds', 300, { min: 1, max: 604_800 })
  const named = options.raw('signedHeaders') === undefined ? [] : options.texts('signedHeaders')
  const lower = named.map((name) => name.toLowerCase())
  for (const name of lower.filter(isUnsignable))
    fault('signedHeaders', `${name} cannot be signed: it may not arrive as it was sent`)
  options.done()
  return {
    service,
    region,
    placement,
    payload,
    expiresSeconds,
    signedHeaders: lower,
    canonicalUri: s3 ? singlyEncodedUri : doublyEncodedUri,
    contentHeader: placement === 'header' ? s3 || payload === 'unsigned' : s3 && payload === 'signed',
    sessionToken: service === 'iotdevicegateway' ? 'appended' : 'signed',
  }
}
