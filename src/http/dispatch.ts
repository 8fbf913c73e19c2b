/**
 * One attempt at the upstream: sign, commit, send, and book what came of it. Commit and `fetch` happen in one
 * synchronous turn, so that no time passes between the last look at quota and revocations and the call.
 */
import type { Admission, Dispatch, Outcome } from '../accounts/accounts.ts'
import { Refusal } from '../core/problems.ts'
import type { Credential } from '../credentials/keys.ts'
import { type Edits, type Moment, SecretFault, type SignRequest } from '../signing/scheme.ts'
import type { OutboundBody } from './body.ts'
import type { Call } from './call.ts'
import type { Deps } from './deps.ts'
import { applyEdits, buildOutbound } from './outbound.ts'

export interface Sent {
  readonly answer: Response
  /** The URL that was called. */
  readonly url: string
  /** Texts of the credential that went out. */
  readonly credentialTexts: readonly string[]
}

interface Signed {
  readonly edits: Edits
  readonly credentialTexts: readonly string[]
}

/** A lease that is stale again and again means that the account answers too slowly to be of use. */
const renewalsMax = 3

/** Sends one signed request. Rejects with Refusal when no answer came or none was asked for. */
export const dispatch = async (
  request: Request,
  { admission, credential, body }: { admission: Admission; credential: Credential; body: OutboundBody },
  call: Call,
  deps: Deps,
): Promise<Sent> => {
  const { permit } = admission
  const outbound = buildOutbound(permit, request.headers, body.signable, {
    loopName: deps.config.host,
    nonce: deps.nonce,
  })
  call.version = credential.version
  for (let renewals = 0; renewals <= renewalsMax; renewals += 1) {
    const { edits, credentialTexts } = await sign(credential, outbound.request, deps)
    const url = applyEdits(outbound, edits)
    const now = deps.now()
    const committed = admission.commit(now)
    if (committed === null) {
      await admission.renew()
      continue
    }
    const answer = await send(url, outbound.headers, { request, admission, body, committed, now }, call, deps)
    return { answer, url, credentialTexts }
  }
  throw new Refusal('account_unavailable', {
    detail: 'The account of your team answers too slowly. Try again.',
    reason: 'lease stale after every renewal',
    headers: { 'retry-after': '1' },
  })
}

const sign = async ({ open }: Credential, request: SignRequest, deps: Deps): Promise<Signed> => {
  const moment: Moment = { now: deps.now(), nonce: deps.nonce }
  try {
    if (open.kind === 'sign') return { edits: await open.sign(request, moment), credentialTexts: open.sends }
    const minted = await deps.minted.get(open, moment)
    return { edits: open.thenSign(request, minted), credentialTexts: [minted.token.reveal()] }
  } catch (error) {
    if (error instanceof Refusal) throw error
    throw new Refusal('signer_error', {
      detail: 'The request could not be signed, so nothing was sent.',
      // Only our own words: a message of the runtime could quote what it was given.
      reason:
        error instanceof SecretFault
          ? error.message
          : `the scheme threw ${error instanceof Error ? error.name : typeof error}`,
    })
  }
}

interface Sending {
  readonly request: Request
  readonly admission: Admission
  readonly body: OutboundBody
  readonly committed: Dispatch
  /** When it was committed. */
  readonly now: number
}

/** Calls `fetch` before its first await. */
const send = async (
  url: string,
  headers: Headers,
  { request, admission, body, committed, now }: Sending,
  call: Call,
  deps: Deps,
): Promise<Response> => {
  const { upstream, target } = admission.permit
  const millis = body.streamed ? upstream.uploadTimeoutMs : upstream.timeoutMs
  const controller = new AbortController()
  let failure: Outcome = 'unreachable'
  const giveUp = (outcome: Outcome): void => {
    failure = outcome
    controller.abort()
  }
  const timer = setTimeout(() => giveUp('timeout'), millis)
  const gone = (): void => giveUp('aborted')
  request.signal.addEventListener('abort', gone)
  const settle = (outcome: Outcome, bytesOut: number | null): void => {
    call.outcome = outcome
    committed.settle(outcome, { bytesIn: body.bytes, bytesOut, millis: deps.now() - now })
  }
  try {
    const answer = await deps.fetch(url, {
      method: target.method,
      headers,
      body: body.payload,
      redirect: 'manual',
      signal: controller.signal,
    })
    settle(outcomeOf(answer.status), contentLength(answer.headers))
    return answer
  } catch {
    const refusal = body.refusal()
    settle(refusal === null ? failure : 'aborted', null)
    throw refusal ?? failed(failure, upstream.name, millis)
  } finally {
    clearTimeout(timer)
    request.signal.removeEventListener('abort', gone)
    body.release()
  }
}

const outcomeOf = (status: number): Outcome =>
  status >= 500
    ? '5xx'
    : status >= 400
      ? '4xx'
      : status >= 300
        ? '3xx'
        : status >= 200
          ? '2xx'
          : 'unreachable'

const contentLength = (headers: Headers): number | null => {
  const value = headers.get('content-length')
  return value === null || !/^\d{1,15}$/.test(value) ? null : Number(value)
}

const failed = (outcome: Outcome, upstream: string, millis: number): Refusal => {
  if (outcome === 'timeout') {
    return new Refusal('upstream_timeout', {
      detail: `${upstream} did not begin to answer within ${millis / 1_000} seconds.`,
    })
  }
  if (outcome === 'aborted') {
    return new Refusal('upstream_unreachable', {
      detail: 'The call was given up by its caller.',
      reason: 'client gone',
    })
  }
  return new Refusal('upstream_unreachable', {
    detail: `The connection to ${upstream} failed, or broke before an answer.`,
  })
}
