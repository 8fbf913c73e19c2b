/** What is filled in for one request: the time, the nonce and the query are the same wherever a recipe uses them. */
import type { Bytes } from '../../core/bytes.ts'
import { bodyBytes, bodySha256 } from '../digest.ts'
import type { Moment, SignableBody, SignRequest } from '../scheme.ts'
import { algorithms } from './algorithms.ts'
import type { HmacAlgorithm, TimestampForm } from './definition.ts'

export interface Sheet {
  readonly request: SignRequest
  /** With what the recipe adds before signing. */
  readonly query: string
  readonly keyId: string
  readonly now: number
  readonly nonce: () => string
}

/** For one request; the nonce is drawn when a part first asks for it. */
export function newSheet(request: SignRequest, keyId: string, { now, nonce }: Moment): Sheet {
  let drawn: string | undefined
  return {
    request,
    query: request.query,
    keyId,
    now,
    nonce: () => {
      drawn ??= nonce()
      return drawn
    },
  }
}

export function timestamp(now: number, form: TimestampForm): string {
  switch (form) {
    case 'seconds':
      return String(Math.floor(now / 1000))
    case 'millis':
      return String(Math.floor(now))
    case 'iso':
      return new Date(now).toISOString()
    case 'iso-seconds':
      return `${new Date(now).toISOString().slice(0, 19)}Z`
  }
}

/** Digests of nothing, which are those of most bodies: known, they make no call wait. */
const emptyDigests = new Map<HmacAlgorithm, Bytes>()

/** At once where it is known: of no body, or as the caller gave it. */
export function bodyDigest(body: SignableBody, algorithm: HmacAlgorithm): Bytes | Promise<Bytes> {
  if (algorithm === 'sha256') return bodySha256(body)
  const known = body.kind === 'empty' ? emptyDigests.get(algorithm) : undefined
  return known ?? digestOf(body, algorithm)
}

async function digestOf(body: SignableBody, algorithm: HmacAlgorithm): Promise<Bytes> {
  const digest = await algorithms[algorithm].digest(bodyBytes(body))
  if (body.kind === 'empty') emptyDigests.set(algorithm, digest)
  return digest
}

/** What is made of values that may have to be waited for; at once when none has to. */
export function combined<Value, Result>(
  values: readonly (Value | Promise<Value>)[],
  combine: (values: readonly Value[]) => Result,
): Result | Promise<Result> {
  return values.some((value) => value instanceof Promise)
    ? Promise.all(values).then(combine)
    : combine(values as readonly Value[])
}
