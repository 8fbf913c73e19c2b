/** The refusals that the wallet makes by itself. */
import { Refusal } from '../core/problems.ts'
import type { Pocket, PocketRefusal } from './lease.ts'

/** Why an account is not asked just now, and until when. */
export interface Failure {
  readonly code: 'account_unavailable' | 'overloaded'
  readonly until: number
}

/** 503, to be tried again in a second. */
export function unavailable(code: Failure['code'], reason?: string): Refusal {
  return new Refusal(code, { headers: { 'Retry-After': '1' }, reason })
}

/** 429 with the limit, and when to come back. */
export function rateLimited(pocket: Pocket, { limit, retryAt }: PocketRefusal, now: number): Refusal {
  if (limit === null)
    return unavailable('account_unavailable', `the account does not know a limit of the set ${pocket.set.id}`)
  const seconds = Math.max(1, Math.ceil((retryAt - now) / 1000))
  const fields = pocket.refusedRateLimit(limit, seconds)
  return new Refusal('rate_limited', {
    detail: `The limit ${limit} of your team has nothing left. Try again in ${seconds} s.`,
    members: { limit },
    headers: {
      'Retry-After': String(seconds),
      ...(fields === null ? {} : { 'RateLimit-Policy': fields.policy, RateLimit: fields.limit }),
    },
  })
}
