/**
 * How a request would be signed, step by step, for a person whose upstream answers 401. Shows every stage by its
 * name, what would be set, and what usually goes wrong. Shows no secret, and of a signature or token only so much
 * that two of them can be compared: nothing here can be used for a call.
 */
import { fromBase64url } from '../core/bytes.ts'
import { Refusal } from '../core/problems.ts'
import {
  type BoundScheme,
  type MintRequest,
  type Moment,
  type OpenKey,
  SecretFault,
  type SignRequest,
  type Stage,
} from './scheme.ts'
import { isTestName, withoutSecrets } from './secret.ts'

export interface ExplainInput {
  readonly scheme: BoundScheme
  /** Null when no version of the key can be opened. */
  readonly key: OpenKey | null
  /** Name of the key in the configuration, such as `test`. */
  readonly keyName: string
  /** What is wrong with versions of the key, in words that hold nothing of it. */
  readonly keyFaults: readonly string[]
  readonly request: SignRequest
  readonly moment: Moment
}

export interface Explanation {
  readonly scheme: string
  readonly stages: readonly Stage[]
  /** As they would be set, values masked. */
  readonly headers: readonly Field[]
  readonly query: readonly Field[]
  /** The first is the likeliest. */
  readonly mistakes: readonly string[]
}

interface Field {
  readonly name: string
  readonly value: string
}

/** Never throws for what a caller or an operator got wrong: that is what it is asked about. */
export async function explain(input: ExplainInput): Promise<Explanation> {
  const { mistakes, ...found } = await attempt(input)
  return {
    scheme: input.scheme.name,
    ...found,
    mistakes: [
      ...input.keyFaults.map((fault) => `The secret of the key cannot be used: ${fault}.`),
      ...mistakes,
      ...requestMistakes(input),
      signsNothing(found) ? nothingSigned : clockMistake(input),
    ],
  }
}

type Found = Omit<Explanation, 'scheme'>

const nothingSigned =
  'Nothing of the call is signed: what the upstream refuses is the secret, or what it may do.'

/** A credential is set, and there is no string that it was computed from. */
function signsNothing({ stages, headers, query }: Omit<Found, 'mistakes'>): boolean {
  return stages.length === 0 && headers.length + query.length > 0
}

function clockMistake({ moment }: ExplainInput): string {
  return `The time here is ${new Date(moment.now).toISOString()}: compare it with the Date of the upstream's answer; most accept five minutes.`
}

function nothingBut(...mistakes: readonly string[]): Found {
  return { stages: [], headers: [], query: [], mistakes }
}

async function attempt(input: ExplainInput): Promise<Found> {
  const { key } = input
  if (key === null) return nothingBut()
  try {
    return await (key.kind === 'mint' ? explainMint(key, input) : explainSign(key, input))
  } catch (error) {
    if (error instanceof Refusal) return nothingBut(`The request is refused: ${error.detail}`)
    if (error instanceof SecretFault) return nothingBut(`The secret cannot be used: ${error.message}.`)
    // Only our own words: a message of the runtime could quote what it was given.
    return nothingBut(
      'The stages cannot be shown: a scheme that signs the bytes of the body is explained for an empty body only.',
    )
  }
}

async function explainSign(
  key: Extract<OpenKey, { kind: 'sign' }>,
  { keyName, request, moment }: ExplainInput,
): Promise<Found> {
  const frozen = frozenMoment(moment)
  const stages = (await key.stages(request, frozen)).map(({ name, text }) => ({
    name,
    text: withoutSecrets(text, key.sends),
  }))
  const { set, query = [] } = await key.sign(request, frozen)
  const known = stages.map(({ text }) => text).join('\n')
  const masked = ([name, value]: readonly [string, string]): Field => ({
    name,
    value: maskTokens(withoutSecrets(value, key.sends), known),
  })
  return {
    stages,
    headers: set.map(masked),
    query: query.map(masked),
    mistakes: modeMistakes(
      keyName,
      [...set, ...query].map(([, value]) => value),
    ),
  }
}

async function explainMint(
  key: Extract<OpenKey, { kind: 'mint' }>,
  { moment }: ExplainInput,
): Promise<Found> {
  const request = await key.mintRequest(frozenMoment(moment))
  return {
    stages: [{ name: 'token request', text: maskedTokenRequest(request) }, ...assertionStages(request)],
    headers: [{ name: 'authorization', value: 'Bearer [redacted]' }],
    query: [],
    mistakes: [
      'When the token URL answers invalid_client or invalid_grant, the secret is of another client or was revoked.',
    ],
  }
}

/** Stages and edits must show the same nonce. */
function frozenMoment({ now, nonce }: Moment): Moment {
  const drawn = nonce()
  return { now, nonce: () => drawn }
}

const redacted = '[redacted]'

/** Shorter than any digest in any encoding: MD5 in base64url has 22. */
const shownCharsMax = 21
const shownChars = 8

/**
 * Masks what could be a signature or a token: everything long and without separators, unless the stages show it
 * anyway, as they do with times, digests of bodies and dates.
 */
function maskTokens(value: string, known: string): string {
  return value.replaceAll(/[A-Za-z0-9+/_.%-]+={0,2}/g, (token) =>
    token.length <= shownCharsMax || known.includes(token)
      ? token
      : `${token.slice(0, shownChars)}...[masked]`,
  )
}

/** Parameters that are no secret; every other value is masked. */
const plainParameters = /^(?:grant_type|scope|audience|resource|client_id|client_assertion_type)$/

function maskedTokenRequest({ url, headers, body }: MintRequest): string {
  const fields = headers.map(([name, value]) => `${name}: ${name === 'authorization' ? redacted : value}`)
  const parameters = [...new URLSearchParams(body)].map(
    ([name, value]) => `${name}=${plainParameters.test(name) ? value : redacted}`,
  )
  return [`POST ${url}`, ...fields, '', ...parameters].join('\n')
}

/** Header and claims of a signed assertion, without its signature. */
function assertionStages({ body }: MintRequest): readonly Stage[] {
  const parameters = new URLSearchParams(body)
  const assertion = parameters.get('assertion') ?? parameters.get('client_assertion')
  if (assertion === null) return []
  const parts = assertion.split('.')
  return ['JOSE header', 'claims'].map((name, index) => ({
    name,
    text: new TextDecoder().decode(fromBase64url(parts[index] ?? '') ?? undefined),
  }))
}

function modeMistakes(keyName: string, values: readonly string[]): readonly string[] {
  const mode = values.flatMap((value) => /(?:^|[^A-Za-z0-9])[a-z]{2}_(live|test)_/.exec(value)?.[1] ?? [])[0]
  if (mode === undefined || (mode === 'test') === isTestName(keyName)) return []
  return [`The key "${keyName}" holds a ${mode} key: the upstream knows it in its ${mode} mode only.`]
}

function requestMistakes({ scheme, request }: ExplainInput): readonly string[] {
  const contentType = request.header('content-type')
  const signed = scheme.bodyNeed(contentType) !== 'none'
  const mistakes: string[] = []
  if (signed && request.body.kind !== 'empty')
    mistakes.push(
      'The body is signed byte for byte as it arrives here. If the upstream parses it and writes it anew (spaces, order of JSON members), send it as the upstream writes it.',
    )
  if (!signed && contentType !== null)
    mistakes.push('The body is not signed: a changed body is not the cause.')
  if (request.query.includes('+'))
    mistakes.push('The query has a +, which some upstreams read as a space: send %20 or %2B.')
  if (/%[0-9A-F]?[a-f]|%[a-f]/.test(request.path + request.query))
    mistakes.push(
      'Percent escapes in lower case are sent as they are; an upstream that writes them anew signs %2F.',
    )
  return mistakes
}
