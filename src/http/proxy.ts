/**
 * The pipeline: one straight line from a token to an answer. Each step takes what the one before made, so that
 * none can be left out or moved: only `decide` makes a permit, only the account turns a permit into an admission,
 * only an admission opens a credential, and only a commit, in the turn of the `fetch`, sends anything.
 */
import type { Admission } from '../accounts/accounts.ts'
import type { Configuration } from '../core/configuration.ts'
import { parseRequestPath, pathInvalid } from '../core/path.ts'
import type { Permit, Target } from '../core/permit.ts'
import { decide } from '../core/policy.ts'
import { headerInvalid, Refusal } from '../core/problems.ts'
import { forwardedMethods } from '../core/route.ts'
import { readToken } from './bearer.ts'
import { type OutboundBody, readBody } from './body.ts'
import type { Call } from './call.ts'
import type { Deps } from './deps.ts'
import { type Attempt, dispatch, type Sent } from './dispatch.ts'
import { refusesKey } from './failover.ts'
import type { Fields } from './fields.ts'
import { relay } from './relay.ts'

/** Answers one call. Rejects with Refusal for everything that is not the upstream's own answer. */
export async function proxy(request: Request, call: Call, deps: Deps): Promise<Response> {
  const { config } = deps
  const { fields } = call
  const target = parseTarget(call, config)
  refuseLoop(fields, config)
  const token = readToken(fields)
  const verifying = deps.verify(token.text, deps.now())
  const caller = verifying instanceof Promise ? await verifying : verifying
  call.caller = caller
  const permit = decide(config, caller, target, { origin: call.origin, key: wishedKey(fields) })
  call.permit = permit

  // The account is asked while the body is read; what it refuses is told before what is wrong with the body.
  const reading = readBody(request, permit, deps.buffers)
  try {
    const admitting = deps.accounts.admit(permit, { now: deps.now, waitUntil: call.waitUntil })
    const admission = admitting instanceof Promise ? await admitting : admitting
    try {
      const opening = deps.keys.open(admission)
      const credential = opening instanceof Promise ? await opening : opening
      const body = reading.body instanceof Promise ? await reading.body : reading.body
      const first = await dispatch({ admission, credential, body }, call, deps)
      const sent = mayBeSentAgain(first, permit, body)
        ? await withNextKey(first, { admission, credential, body }, call, deps)
        : first
      return relay(sent, permit, {
        url: config.url,
        tokenInOwnHeader: token.inOwnHeader,
        rateLimit: admission.rateLimit(deps.now()),
      })
    } finally {
      // Without effect on a unit that was used.
      admission.release()
    }
  } finally {
    reading.end()
  }
}

/** Method, then path form. */
function parseTarget({ method, url }: Call, config: Configuration): Target {
  if (!(forwardedMethods as readonly string[]).includes(method)) {
    const allow = [...forwardedMethods, 'OPTIONS'].join(', ')
    throw new Refusal('method_not_allowed', { detail: `Methods are ${allow}.`, headers: { allow } })
  }
  const { upstream, path, query, ambiguity } = parseRequestPath(url)
  if (ambiguity !== null && config.upstreams.get(upstream)?.encodedPath !== 'allow') {
    throw pathInvalid(`The path holds ${ambiguity}.`)
  }
  return { method, upstream, path, query }
}

/** RFC 8586: whoever finds its own name in `CDN-Loop` is being called by itself. */
function refuseLoop(fields: Fields, config: Configuration): void {
  const loop = fields.get('cdn-loop')
  if (loop === null) return
  const own = config.host
  if (loop.split(',').some((member) => member.split(';', 1)[0]?.trim().toLowerCase() === own)) {
    throw new Refusal('loop_detected')
  }
}

const keyNameForm = /^[^\s,]{1,64}$/

function wishedKey(fields: Fields): string | null {
  const wish = fields.get('countersign-key')
  if (wish === null || keyNameForm.test(wish)) return wish
  throw headerInvalid('Countersign-Key must hold the name of one key.')
}

/** Nothing is known of the answer's body yet, only that its status is the one of a refused key. */
function mayBeSentAgain({ answer }: Sent, { upstream }: Permit, { streamed }: OutboundBody): boolean {
  return upstream.keyRefused !== null && answer.status === upstream.keyRefused.status && !streamed
}

/**
 * A key that the upstream refuses as unknown or revoked is followed by its next version, once, where the body can be
 * sent again. The second attempt takes a unit of its own; without one, the first answer stands.
 */
async function withNextKey(
  sent: Sent,
  { admission, credential, body }: Attempt,
  call: Call,
  deps: Deps,
): Promise<Sent> {
  const { permit } = admission
  const rule = permit.upstream.keyRefused
  if (rule === null) return sent
  const next = deps.keys.next(admission, credential.version)
  if (next === null || !(await refusesKey(sent.answer, rule))) return sent
  let second: Admission
  try {
    second = await deps.accounts.admit(permit, { now: deps.now, waitUntil: call.waitUntil })
  } catch {
    return sent
  }
  try {
    const answer = await dispatch({ admission: second, credential: next, body }, call, deps)
    await sent.answer.body?.cancel()
    return answer
  } finally {
    second.release()
  }
}
