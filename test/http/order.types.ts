/**
 * The order of the pipeline, as far as types hold it: `tsc` reads this file (npm run typecheck) and fails when one of
 * the lines below compiles that must not. Nothing here runs.
 */
import type { Accounts, Admission, CallContext, Dispatch } from '../../src/accounts/accounts.ts'
import type { Admitted } from '../../src/core/admission.ts'
import type { Configuration } from '../../src/core/configuration.ts'
import type { Caller, LimitSet, Permit, Target } from '../../src/core/permit.ts'
import { decide } from '../../src/core/policy.ts'
import type { Secret } from '../../src/core/redact.ts'
import type { Credential, KeyStore } from '../../src/credentials/keys.ts'
import { type OutboundBody, readBody } from '../../src/http/body.ts'
import type { Buffers } from '../../src/http/buffers.ts'
import type { Call } from '../../src/http/call.ts'
import type { Deps } from '../../src/http/deps.ts'
import { dispatch, type Sent } from '../../src/http/dispatch.ts'
import { type RelayOptions, relay } from '../../src/http/relay.ts'

interface Parts {
  readonly config: Configuration
  readonly request: Request
  readonly caller: Caller
  readonly target: Target
  readonly limitSet: LimitSet
  readonly permit: Permit
  readonly accounts: Accounts
  readonly context: CallContext
  readonly admission: Admission
  readonly keys: KeyStore
  readonly credential: Credential
  readonly body: OutboundBody
  readonly sent: Sent
  readonly options: RelayOptions
  readonly buffers: Buffers
  readonly call: Call
  readonly deps: Deps
  readonly secret: Secret
}

/** As it is meant to be. */
export const inOrder = async (parts: Parts): Promise<Response> => {
  const { config, caller, target, request, accounts, context, keys, buffers, call, deps, options } = parts
  const permit = decide(config, caller, target, { origin: null, key: null })
  const reading = readBody(request, permit, buffers)
  const admission = await accounts.admit(permit, context)
  const credential = await keys.open(admission)
  const sent = await dispatch({ admission, credential, body: await reading.body }, call, deps)
  return relay(sent, permit, options)
}

/** Without `decide` there is no permit: not by writing one down, and not from what one is made of. */
export const withoutDecide = ({
  caller,
  target,
  limitSet,
  permit,
  accounts,
  context,
  request,
  buffers,
}: Parts) => {
  const { team, upstream, grant, key, route } = permit
  // @ts-expect-error only `decide` makes a Permit
  const forged: Permit = { caller, team, upstream, grant, key, route, target, limitSet }
  // @ts-expect-error a target is not a permit: policy cannot be left out before the account
  const admitted = accounts.admit(target, context)
  // @ts-expect-error nor before the body is read
  const reading = readBody(request, target, buffers)
  return [forged, admitted, reading]
}

/** Without the account there is no credential and no call. */
export const withoutAdmit = ({ permit, keys, credential, body, call, deps }: Parts) => {
  // @ts-expect-error a permit alone opens no credential
  const opened = keys.open(permit)
  // @ts-expect-error and neither does something that holds one
  const held = keys.open({ permit })
  // @ts-expect-error only an account makes an Admitted
  const forged: Admitted = { permit }
  // @ts-expect-error what was only permitted is not dispatched
  const sent = dispatch({ admission: permit, credential, body }, call, deps)
  return [opened, held, forged, sent]
}

/** Without `commit` there is nothing to settle, and a commit that did not hold has to be looked at. */
export const withoutCommit = ({ admission, credential, call, deps, body }: Parts) => {
  const facts = { bytesIn: null, bytesOut: null, millis: 0 }
  // @ts-expect-error a commit may find the lease stale: null has to be handled
  admission.commit(0).settle('2xx', facts)
  // @ts-expect-error only a commit makes a Dispatch
  const forged: Dispatch = { settle: () => {} }
  // @ts-expect-error an admission that only holds a permit cannot be committed
  const sent = dispatch({ admission: admission as Admitted, credential, body }, call, deps)
  return [forged, sent]
}

/** A body that is still being read is not sent, and an answer is not relayed without knowing whose it is. */
export const tooEarly = (parts: Parts) => {
  const { admission, request, credential, call, deps, permit, buffers, sent, options } = parts
  const reading = readBody(request, permit, buffers)
  // @ts-expect-error the body has to be awaited
  const unread = dispatch({ admission, credential, body: reading.body }, call, deps)
  // @ts-expect-error the rules of an answer come from the permit
  const relayed = relay(sent, permit.upstream, options)
  // @ts-expect-error and what went out with the call decides what may come back
  const unasked = relay({ answer: new Response(), fields: call.fields }, permit, options)
  return [unread, relayed, unasked]
}

/** A secret is no text. */
export const secretAsText = ({ secret }: Parts) => {
  // @ts-expect-error only `reveal` gives the text
  const text: string = secret
  return text
}
