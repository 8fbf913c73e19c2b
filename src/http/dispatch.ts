/**
 * One attempt at the upstream: sign, commit, send, and book what came of it. Commit and `fetch` happen in one
 * synchronous turn, so that no time passes between the last look at quota and revocations and the call.
 */
import type { Admission, Dispatch, Outcome } from '../accounts/accounts.ts'
import type { Upstream } from '../core/configuration.ts'
import { contentLength } from '../core/headers.ts'
import { leaseRenewalsMax } from '../core/limits.ts'
import { Refusal } from '../core/problems.ts'
import type { Credential } from '../credentials/keys.ts'
import { type Moment, SecretFault } from '../signing/scheme.ts'
import type { OutboundBody } from './body.ts'
import type { Call } from './call.ts'
import type { Deps } from './deps.ts'
import { Fields } from './fields.ts'
import { applyEdits, buildOutbound, type Outbound } from './outbound.ts'

/** What one attempt takes. */
export interface Attempt {
  readonly admission: Admission
  readonly credential: Credential
  readonly body: OutboundBody
}

interface Answered {
  readonly answer: Response
  /** Of the answer. */
  readonly fields: Fields
}

interface Signed {
  /** The URL that is called, with what the scheme adds to its query. */
  readonly url: string
  /** Texts of the credential that goes out with it. */
  readonly credentialTexts: readonly string[]
}

/** A call that was answered: what went out, and what came back. */
export interface Sent extends Signed, Answered {}

/** Sends one signed request. Rejects with Refusal when no answer came or none was asked for. */
export async function dispatch(
  { admission, credential, body }: Attempt,
  call: Call,
  deps: Deps,
): Promise<Sent> {
  const { permit } = admission
  const outbound = buildOutbound(permit, call.fields, body.signable, {
    loopName: deps.config.host,
    nonce: deps.nonce,
  })
  call.version = credential.version
  for (let renewals = 0; renewals <= leaseRenewalsMax; renewals += 1) {
    const { url, credentialTexts } = await sign(credential, outbound, call, deps)
    if (call.signal.aborted || body.counted?.broken.aborted === true) {
      throw body.counted?.refusal() ?? failed('aborted')
    }
    const now = deps.now()
    const committed = admission.commit(now)
    if (committed === null) {
      await admission.renew()
      continue
    }
    const sending = { admission, body, committed, now }
    const answered = await send({ url, credentialTexts }, outbound.headers, sending, call, deps)
    if (answered.answer.status === 401 && credential.open.kind === 'mint')
      deps.minted.refused(credential.open, credentialTexts, deps.now())
    return { ...answered, url, credentialTexts }
  }
  throw new Refusal('account_unavailable', {
    reason: 'lease stale after every renewal',
    headers: { 'retry-after': '1' },
  })
}

async function sign({ open }: Credential, outbound: Outbound, call: Call, deps: Deps): Promise<Signed> {
  const moment: Moment = { now: deps.now(), nonce: deps.nonce }
  try {
    if (open.kind === 'sign') {
      const edits = await open.sign(outbound.request, moment)
      return { url: applyEdits(outbound, edits), credentialTexts: open.sends }
    }
    const minted = await deps.minted.get(open, moment, call.waitUntil)
    const edits = open.thenSign(outbound.request, minted)
    return { url: applyEdits(outbound, edits), credentialTexts: [minted.token.reveal()] }
  } catch (error) {
    if (error instanceof Refusal) throw error
    throw new Refusal('signer_error', {
      // Only our own words: a message of the runtime could quote what it was given.
      reason:
        error instanceof SecretFault
          ? error.message
          : `the scheme threw ${error instanceof Error ? error.name : typeof error}`,
    })
  }
}

/** What ends the wait for an answer before one begins: time, or a caller that leaves. */
type EarlyEnd = 'timeout' | 'aborted'

interface Sending {
  readonly admission: Admission
  readonly body: OutboundBody
  readonly committed: Dispatch
  /** When it was committed. */
  readonly now: number
}

/** Calls `fetch` before its first await. */
async function send(
  { url, credentialTexts }: Signed,
  headers: Headers,
  { admission, body, committed, now }: Sending,
  call: Call,
  deps: Deps,
): Promise<Answered> {
  const { upstream, target } = admission.permit
  const settle = (outcome: Outcome, bytesOut: number | null): void => {
    call.outcome = outcome
    committed.settle(outcome, { bytesIn: body.bytes, bytesOut, millis: deps.now() - now })
  }
  let ended: Response | EarlyEnd | 'unreachable'
  let timer: ReturnType<typeof setTimeout> | undefined
  let gone = (): void => {}
  try {
    const answering = deps.fetch(url, {
      method: target.method,
      headers,
      body: body.payload,
      redirect: 'manual',
      // Without it the platform's cache keeps some files by their URL alone, and gives them to the next team.
      cache: 'no-store',
      // Stays on: the answer may begin before the body has ended, and half a body must not be answered as a whole one.
      // (That local workerd then sends its last chunk all the same, nothing here prevents: docs/security.md.)
      signal: body.counted?.broken ?? null,
    })
    // After an early end the call to the upstream ends with the request, a moment after it was answered; a controller
    // to abort it would cost every call more than this promise.
    ended = await new Promise<Response | EarlyEnd>((resolve, reject) => {
      timer = setTimeout(() => resolve('timeout'), timeoutOf(body, upstream))
      // The runtime tells a listener that the client has left; a signal that only goes to `fetch` it does not (measured).
      gone = () => resolve('aborted')
      call.signal.addEventListener('abort', gone)
      answering.then(resolve, reject)
    })
  } catch {
    ended = body.counted?.broken.aborted === true ? 'aborted' : 'unreachable'
  } finally {
    if (timer !== undefined) clearTimeout(timer)
    // One that stays keeps all of its request in memory until the next full collection (measured: 30 MB).
    call.signal.removeEventListener('abort', gone)
  }
  if (typeof ended !== 'string') {
    // Every value is looked at where a credential went out that it could repeat.
    const fields = new Fields(ended.headers, credentialTexts.length > 0 ? 'lines' : 'names')
    const bodyless = target.method === 'HEAD' || bodylessStatuses.has(ended.status)
    settle(outcomeOf(ended.status), bodyless ? 0 : contentLength(fields.get('content-length')))
    return { answer: ended, fields }
  }
  settle(ended, null)
  throw body.counted?.refusal() ?? failed(ended)
}

function timeoutOf({ streamed }: OutboundBody, { timeoutMs, uploadTimeoutMs }: Upstream): number {
  return streamed ? uploadTimeoutMs : timeoutMs
}

function outcomeOf(status: number): Outcome {
  return status >= 500
    ? '5xx'
    : status >= 400
      ? '4xx'
      : status >= 300
        ? '3xx'
        : status >= 200
          ? '2xx'
          : 'unreachable'
}

/** Their Content-Length, like that of an answer to HEAD, is of a body that is not sent (RFC 9110 section 8.6). */
export const bodylessStatuses: ReadonlySet<number> = new Set([204, 205, 304])

function failed(outcome: 'timeout' | 'aborted' | 'unreachable'): Refusal {
  if (outcome === 'timeout') return new Refusal('upstream_timeout')
  return new Refusal(
    'upstream_unreachable',
    outcome === 'aborted' ? { detail: 'The call was given up by its caller.', reason: 'client gone' } : {},
  )
}
