import { logFieldCharsMax } from '../core/limits.ts'
import { problems, type Refusal } from '../core/problems.ts'
import type { Call } from './call.ts'

/**
 * One line of JSON per call, with fixed fields. Nothing that a caller or an upstream wrote stands in it but the
 * subject of a verified token: the path shows as the route that it matched, headers and bodies not at all.
 */
export const callLine = (call: Call, status: number, now: number, refusal: Refusal | null): string => {
  const { caller, permit } = call
  return JSON.stringify({
    event: 'call',
    id: call.id,
    time: new Date(call.startedAt).toISOString(),
    millis: now - call.startedAt,
    method: call.method,
    status,
    outcome: call.outcome ?? undefined,
    team: caller?.team,
    issuer: caller?.issuer.name,
    subject: caller === null ? undefined : bounded(caller.subject),
    upstream: permit?.upstream.name,
    key: permit?.key.name,
    version: call.version ?? undefined,
    route: permit?.route.text,
    code: refusal?.code,
    owner: refusal === null ? undefined : problems[refusal.code].owner,
    reason: refusal?.reason === undefined ? undefined : bounded(refusal.reason),
  })
}

const bounded = (text: string): string =>
  text.length > logFieldCharsMax ? `${text.slice(0, logFieldCharsMax)}...` : text
