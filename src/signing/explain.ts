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
import { isTestName } from './secret.ts'

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
  const { scheme, key, keyFaults } = input
  const found = key === null ? nothing : await attempt(() => explainKey(key, input))
  return {
    scheme: scheme.name,
    stages: found.stages,
    headers: found.headers,
    query: found.query,
    mistakes: [
      ...keyFaults.map((fault) => `The secret of the key cannot be used: ${fault}.`),
      ...found.mistakes,
      ...requestMistakes(input),
    ],
  }
}

type Found = Omit<Explanation, 'scheme'>

const nothing: Found = { stages: [], headers: [], query: [], mistakes: [] }

async function attempt(find: () => Promise<Found>): Promise<Found> {
  try {
    return await find()
  } catch (error) {
    if (error instanceof Refusal) return { ...nothing, mistakes: [`The request is refused: ${error.detail}`] }
    if (error instanceof SecretFault)
      return { ...nothing, mistakes: [`The secret cannot be used: ${error.message}.`] }
    // Only our own words: a message of the runtime could quote what it was given.
    return {
      ...nothing,
      mistakes: [
        'The stages cannot be shown. A scheme that signs the bytes of the body, and not a SHA-256 of them, can be explained for an empty body only.',
      ],
    }
  }
}

function explainKey(key: OpenKey, input: ExplainInput): Promise<Found> {
  return key.kind === 'mint' ? explainMint(key, input) : explainSign(key, input)
}

async function explainSign(
  key: Extract<OpenKey, { kind: 'sign' }>,
  { keyName, request, moment }: ExplainInput,
): Promise<Found> {
  const frozen = frozenMoment(moment)
  const stages = (await key.stages(request, frozen)).map(({ name, text }) => ({
    name,
    text: withoutTexts(text, key.sends),
  }))
  const { set, query = [] } = await key.sign(request, frozen)
  const known = stages.map(({ text }) => text).join('\n')
  const masked = ([name, value]: readonly [string, string]): Field => ({
    name,
    value: maskTokens(withoutTexts(value, key.sends), known),
  })
  const values = [...set, ...query].map(([, value]) => value)
  return {
    stages,
    headers: set.map(masked),
    query: query.map(masked),
    mistakes: modeMistakes(keyName, values),
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
      'The token comes from the token URL: when it answers invalid_client or invalid_grant, the secret is of another client or has been revoked.',
    ],
  }
}

/** Stages and edits must show the same nonce. */
function frozenMoment({ now, nonce }: Moment): Moment {
  const drawn = nonce()
  return { now, nonce: () => drawn }
}

const redacted = '[redacted]'

function withoutTexts(text: string, secrets: readonly string[]): string {
  return secrets
    .toSorted((one, other) => other.length - one.length)
    .reduce((rest, secret) => rest.replaceAll(secret, redacted), text)
}

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
  const [header, claims] = assertion
    .split('.')
    .map((part) => new TextDecoder().decode(fromBase64url(part) ?? undefined))
  return [
    { name: 'JOSE header', text: header ?? '' },
    { name: 'claims', text: claims ?? '' },
  ]
}

function modeMistakes(keyName: string, values: readonly string[]): readonly string[] {
  const mode = values.flatMap((value) => /(?:^|[^A-Za-z0-9])[a-z]{2}_(live|test)_/.exec(value)?.[1] ?? [])[0]
  if (mode === undefined || (mode === 'test') === isTestName(keyName)) return []
  return [`The key "${keyName}" holds a ${mode} key: the upstream knows it in its ${mode} mode only.`]
}

function requestMistakes({ scheme, request, moment }: ExplainInput): readonly string[] {
  const contentType = request.header('content-type')
  const need = scheme.bodyNeed(contentType)
  const mistakes: string[] = []
  if (need !== 'none' && request.body.kind !== 'empty')
    mistakes.push(
      'The body is signed byte for byte as it arrives here. If the upstream parses it and writes it anew (other spaces, other order of JSON members), send it in the form that the upstream writes.',
    )
  if (need === 'none' && contentType !== null)
    mistakes.push('The body is not covered by this signature: a changed body is not the cause.')
  if (request.query.includes('+'))
    mistakes.push(
      'The query has a +, which some upstreams read as a space: send %20 or %2B, whichever is meant.',
    )
  if (/%[0-9A-F]?[a-f]|%[a-f]/.test(request.path + request.query))
    mistakes.push(
      'Percent escapes in lower case are sent as they are; an upstream that writes them anew signs %2F, not %2f.',
    )
  mistakes.push(
    `The time here is ${new Date(moment.now).toISOString()}: compare it with the Date header of the upstream's answer, most accept five minutes.`,
  )
  return mistakes
}
