/**
 * Countersign itself on raw workerd, with a configuration as data, made-up secrets that are looked for in
 * everything that comes back, and promises that hold for every test: they are checked when it stops.
 */
import { generateKeyPairSync } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { plugipayFault } from '../upstreams/plugipay-verifier.ts'
import type { RawUpstream } from '../upstreams/upstream.ts'
import { buildBundle, configurationFromBinding } from './bundle.ts'
import { type Answer, exchange, requestBytes } from './client.ts'
import { makeIssuer, type TestIssuer } from './identity.ts'
import { findMarkers, type Marker, markerText } from './markers.ts'
import { headerValues } from './message.ts'
import { type RunningWorkerd, type RunOptions, startWorkerd } from './workerd.ts'

export const edgeUrl = 'https://edge.test'
export const edgeHost = 'edge.test'

type Fields = Readonly<Record<string, unknown>>

/** Of a secret that is in the `secretsStore`, `secrets` has the text that is looked for everywhere. */
export interface EdgeOptions
  extends Pick<RunOptions, 'isolates' | 'stateFolder' | 'without' | 'secretsStore'> {
  /** Fields of `upstreams`; a `keys` entry names its binding, whose secret is made up unless `secrets` has it. */
  readonly upstreams: Readonly<Record<string, Fields>>
  /** Defaults to one team `shop` that may do everything with every upstream. */
  readonly teams?: Readonly<Record<string, Fields>>
  readonly issuers?: Readonly<Record<string, Fields>>
  /** Further fields of the configuration. */
  readonly fields?: Fields
  /** Secrets by binding, where the scheme asks for a form; null: the binding is missing. */
  readonly secrets?: Readonly<Record<string, string | null>>
}

export interface CallOptions {
  readonly token?: string | null
  readonly headers?: readonly (readonly [name: string, value: string])[]
  readonly body?: string | Uint8Array
  /** Which isolate. */
  readonly port?: number
  readonly timeoutMillis?: number
}

export interface Edge {
  readonly running: RunningWorkerd
  readonly port: number
  readonly issuer: TestIssuer
  readonly secrets: Readonly<Record<string, string>>
  /** A token of team `shop` that may do everything, unless the claims say otherwise. */
  readonly token: (claims?: Fields) => string
  /** One request with Host and a valid token; adds Content-Length to a body. The target goes out as it is. */
  readonly call: (method: string, target: string, options?: CallOptions) => Promise<Answer>
  /** Exactly these bytes; what comes back is looked through like everything else. */
  readonly send: (
    bytes: string | Uint8Array,
    options?: Parameters<typeof exchange>[2],
  ) => ReturnType<typeof exchange>
  /** Stops, then throws when any promise was broken on the way: see `brokenPromises`. */
  readonly stop: (expectations?: Expectations) => Promise<void>
}

export interface Expectations {
  /** Upstreams that take Plugipay's signature: all that they received must verify. */
  readonly signed?: readonly { readonly upstream: RawUpstream; readonly binding: string }[]
  /** Upstreams of any scheme: no token may have reached them. */
  readonly upstreams?: readonly RawUpstream[]
  /** Answers with status 500 are faults of ours, but where a test provokes an operator's. */
  readonly allow500?: boolean
}

export const startEdge = async (options: EdgeOptions): Promise<Edge> => {
  const issuer = makeIssuer('https://login.test', edgeUrl)
  const secrets = makeSecrets(options)
  const stored = options.secretsStore?.names ?? []
  const texts = Object.entries(secrets).filter(([name]) => !stored.includes(name))
  const running = await startWorkerd({
    ...options,
    worker: { file: await buildBundle(configurationFromBinding) },
    bindings: {
      ...Object.fromEntries(texts),
      TEST_CONFIGURATION: JSON.stringify(configuration(options, issuer)),
    },
  })
  await refuseFaults(running)
  const tokens = new Set<string>()
  const received: Buffer[] = []
  const faults: Answer[] = []
  const token = (claims: Fields = {}): string => {
    const text = issuer.token({ team: 'shop', scope: allScopes(options), ...claims })
    tokens.add(text)
    return text
  }
  const standing = token()
  const send: Edge['send'] = async (bytes, exchangeOptions) => {
    const result = await exchange(running.port, bytes, exchangeOptions)
    received.push(result.bytes)
    faults.push(...result.answers.filter(isOurFault))
    return result
  }
  const call: Edge['call'] = async (method, target, callOptions = {}) => {
    const { port = running.port, timeoutMillis = 10_000 } = callOptions
    const bytes = callBytes(method, target, standing, callOptions)
    const result = await exchange(port, bytes, { methods: [method], timeoutMillis })
    received.push(result.bytes)
    const [answer] = result.answers
    if (answer === undefined) throw new Error(`${method} ${target}: ${result.end} without an answer`)
    if (isOurFault(answer)) faults.push(answer)
    return answer
  }
  const stop: Edge['stop'] = async (expectations = {}) => {
    const stored = await storedText(running.stateFolder)
    await running.stop()
    const markers = Object.entries(secrets).map(([name, text]) => ({ name, text }))
    const broken = brokenPromises({
      received: Buffer.concat(received).toString('latin1'),
      output: running.output(),
      stored,
      markers: markers.flatMap(searched),
      tokens,
      faults: expectations.allow500 ? [] : faults,
      secrets,
      expectations,
    })
    if (broken.length > 0) throw new Error(`broken promises:\n${broken.join('\n')}`)
  }
  return { running, port: running.port, issuer, secrets, token, call, send, stop }
}

/** Every byte of every object's SQLite files; nothing after a kill that took the folder along. */
async function storedText(folder: string): Promise<string> {
  if (!existsSync(folder)) return ''
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile())
  const texts = files.map((file) => readFile(join(file.parentPath, file.name), 'latin1').catch(() => ''))
  return (await Promise.all(texts)).join('\n')
}

/** What the runtime answers before the Worker runs has no request id. */
const isOurFault = (answer: Answer): boolean =>
  answer.status === 500 && answer.header('countersign-request-id') !== null

/** A configuration that was written wrongly fails its test file here, with the faults, not in every test. */
const refuseFaults = async (running: RunningWorkerd): Promise<void> => {
  const ready = await exchange(
    running.port,
    requestBytes('GET', '/readyz', { headers: [['host', edgeHost]] }),
  )
  if (ready.answers[0]?.status === 200) return
  await running.stop()
  throw new Error(`Countersign is not ready: ${ready.answers[0]?.text()}\n${running.output()}`)
}

/** The bytes of a call, for tests that write them by themselves. */
export const callBytes = (
  method: string,
  target: string,
  token: string,
  options: CallOptions = {},
): Buffer => {
  const { headers = [], body } = options
  const bearer = options.token === undefined ? token : options.token
  return requestBytes(method, target, {
    headers: [
      ['host', edgeHost],
      ...(bearer === null ? [] : ([['authorization', `Bearer ${bearer}`]] as const)),
      ...(body === undefined ? [] : ([['content-length', String(Buffer.byteLength(body))]] as const)),
      ...headers,
    ],
    ...(body === undefined ? {} : { body }),
  })
}

const allScopes = ({ upstreams }: EdgeOptions): string =>
  Object.keys(upstreams)
    .map((name) => `${name}:*`)
    .join(' ')

const configuration = (options: EdgeOptions, issuer: TestIssuer): Fields => ({
  url: edgeUrl,
  issuers: {
    login: {
      issuer: issuer.issuer,
      jwks: issuer.jwks,
      algorithms: ['ES256'],
      audience: edgeUrl,
      team: { claim: 'team' },
      teams: Object.keys(options.teams ?? { shop: null }),
      scopes: { claim: 'scope' },
    },
    ...options.issuers,
  },
  upstreams: options.upstreams,
  teams: options.teams ?? {
    shop: {
      grants: Object.fromEntries(
        Object.entries(options.upstreams).map(([name, upstream]) => [
          name,
          { keys: Object.keys(upstream['keys'] as object), scopes: ['*'] },
        ]),
      ),
      origins: ['https://shop.test'],
    },
  },
  ...options.fields,
})

/** Every binding holds a marker: those that the upstreams name, and Countersign's own. */
const makeSecrets = ({ upstreams, secrets: given = {} }: EdgeOptions): Readonly<Record<string, string>> => {
  const named = Object.values(upstreams)
    .flatMap((upstream) => Object.values(upstream['keys'] as Readonly<Record<string, string | string[]>>))
    .flat()
  const { privateKey } = generateKeyPairSync('ed25519')
  const all: Record<string, string | null> = {
    ...Object.fromEntries(named.map((binding) => [binding, `id-${binding}:${markerText()}`])),
    COUNTERSIGN_ADMIN_KEY: markerText(),
    COUNTERSIGN_SIGNING_KEY: JSON.stringify({
      ...privateKey.export({ format: 'jwk' }),
      kid: 'own',
      alg: 'Ed25519',
    }),
    ...given,
  }
  return Object.fromEntries(
    Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== null),
  )
}

/** Of a two-part secret the second part is the secret; of a private JWK it is `d`. */
const searched = ({ name, text }: Marker): readonly Marker[] => {
  if (text.startsWith('{')) {
    const { d } = JSON.parse(text) as { readonly d?: string }
    return d === undefined ? [] : [{ name, text: d }]
  }
  const secret = text.slice(text.indexOf(':') + 1)
  return secret.length < 12 ? [] : [{ name, text: secret }]
}

interface Evidence {
  readonly received: string
  readonly output: string
  readonly stored: string
  readonly markers: readonly Marker[]
  readonly tokens: ReadonlySet<string>
  readonly faults: readonly Answer[]
  readonly secrets: Readonly<Record<string, string>>
  readonly expectations: Expectations
}

/**
 * K04: no secret in any answer, log line or storage, no token in the latter two. H01: no token reached an upstream.
 * Promise 3 and 4: whatever a signed upstream received carries a valid signature over exactly that. And no
 * fault of a caller is a 500.
 */
const brokenPromises = (evidence: Evidence): readonly string[] => {
  const { received, output, stored, markers, tokens, faults, secrets, expectations } = evidence
  const { signed = [], upstreams = [] } = expectations
  const arrived = [...signed.map(({ upstream }) => upstream), ...upstreams].flatMap(
    ({ requests, unfinished }) => [...requests, ...unfinished],
  )
  return [
    ...findMarkers(received, markers).map((hit) => `K04: an answer holds the secret ${hit}`),
    ...findMarkers(output, markers).map((hit) => `K04: the log holds the secret ${hit}`),
    ...findMarkers(stored, markers).map((hit) => `K04: an object's storage holds the secret ${hit}`),
    ...[...tokens].filter((token) => output.includes(token)).map(() => 'K04: the log holds a token'),
    ...[...tokens].filter((token) => stored.includes(token)).map(() => 'K04: storage holds a token'),
    ...arrived
      .filter(({ head }) => [...tokens].some((token) => head.includes(token)))
      .map(({ startLine }) => `H01: the token reached the upstream with ${startLine}`),
    ...signed.flatMap(({ upstream, binding }) => {
      const [keyId = '', ...rest] = (secrets[binding] ?? '').split(':')
      return upstream.requests.flatMap((request) => {
        const fault = plugipayFault(request, { keyId, secret: rest.join(':') })
        return fault === null ? [] : [`${request.startLine} arrived badly signed: ${fault}`]
      })
    }),
    ...faults.map(
      (answer) => `an answer was 500: ${headerValues(answer, 'countersign-error').join()} ${answer.text()}`,
    ),
  ]
}
