/**
 * What each signing scheme costs beside Plugipay's: the same GET, through the same bundle, to the same upstream
 * under as many names as there are schemes. Only the first segment of the path and the token's scope differ.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import type { SignDefinition } from '../src/signing/definition.ts'
import { binance } from '../src/upstreams/binance.ts'
import { bybit } from '../src/upstreams/bybit.ts'
import { coinbaseExchange } from '../src/upstreams/coinbase-exchange.ts'
import { gate } from '../src/upstreams/gate.ts'
import { buildBundle } from '../test/raw/harness/bundle.ts'
import type { TestIssuer } from '../test/raw/harness/identity.ts'
import { makeBindings, request } from './candidates.ts'
import { upstreamsSource } from './configuration.ts'
import { countInstructions, type InstructionRow } from './instructions.ts'
import type { Traffic } from './processes.ts'

interface SchemeCase {
  /** Name of its upstream. */
  readonly name: string
  readonly sign: SignDefinition
  /** A secret of the scheme's form, made up. */
  readonly secret: () => string
  /** What it may cost, in units of Plugipay's; null where there is no bound. */
  readonly gate: number | null
}

const hmacGate = 1.03
const sigV4Gate = 1.15
const keys = { test: 'UNUSED' }

const hexText = (bytes: number): string => randomBytes(bytes).toString('hex')
const idAndSecret = (): string => `id_${hexText(8)}:${hexText(16)}`
const idAndBase64 = (): string => `id-${hexText(8)}:${randomBytes(32).toString('base64')}`
const jwkSecret = (): string => {
  const { privateKey } = generateKeyPairSync('ed25519')
  return JSON.stringify({ keyid: 'bench', jwk: privateKey.export({ format: 'jwk' }) })
}

const components = ['@method', '@target-uri', 'content-digest']
const aws = { scheme: 'aws-sigv4', service: 'execute-api', region: 'eu-central-1' } as const

/** The first is the unit. */
const cases: readonly SchemeCase[] = [
  { name: 'plugipay', sign: { scheme: 'plugipay' }, secret: idAndSecret, gate: null },
  {
    name: 'hmac-headers',
    sign: coinbaseExchange({ keys }).sign,
    secret: () => `${idAndBase64()}:phrase`,
    gate: hmacGate,
  },
  { name: 'hmac-query', sign: binance({ keys }).sign, secret: idAndSecret, gate: hmacGate },
  { name: 'hmac-key-id', sign: bybit({ keys }).sign, secret: idAndSecret, gate: hmacGate },
  { name: 'hmac-sha512', sign: gate({ keys }).sign, secret: idAndSecret, gate: hmacGate },
  {
    name: 'webhooks',
    sign: { scheme: 'standard-webhooks' },
    secret: () => `whsec_${randomBytes(24).toString('base64')}`,
    gate: hmacGate,
  },
  {
    name: 'rfc9421-hmac',
    sign: { scheme: 'http-signatures', algorithm: 'hmac-sha256', components },
    secret: idAndBase64,
    gate: hmacGate,
  },
  {
    name: 'rfc9421-ed25519',
    sign: { scheme: 'http-signatures', algorithm: 'ed25519', components },
    secret: jwkSecret,
    gate: null,
  },
  { name: 'aws-header', sign: aws, secret: idAndSecret, gate: sigV4Gate },
  { name: 'aws-query', sign: { ...aws, placement: 'query' }, secret: idAndSecret, gate: sigV4Gate },
  {
    name: 'jwt-hs256',
    sign: { scheme: 'jwt', algorithm: 'HS256', claims: { iss: 'bench' } },
    secret: idAndSecret,
    gate: hmacGate,
  },
  { name: 'bearer', sign: { scheme: 'bearer' }, secret: () => hexText(16), gate: null },
  { name: 'header', sign: { scheme: 'header', name: 'x-api-key' }, secret: () => hexText(16), gate: null },
  { name: 'query', sign: { scheme: 'query', name: 'api_key' }, secret: () => hexText(16), gate: null },
  { name: 'basic', sign: { scheme: 'basic' }, secret: idAndSecret, gate: null },
]

export interface SchemeRow extends InstructionRow {
  readonly gate: number | null
}

interface SchemeOptions {
  readonly warm: number
  readonly counted: number
  /** Counts schemes whose name holds this, beside Plugipay's. */
  readonly named: string
  readonly profileFolder?: string
}

export const countSchemes = async (
  traffic: Traffic,
  { named, ...options }: SchemeOptions,
): Promise<readonly SchemeRow[]> => {
  const { bindings, issuer } = makeBindings(traffic.upstream)
  const file = await buildBundle(upstreamsSource(schemeUpstreams))
  const run = { worker: { file }, bindings: { ...bindings, ...schemeBindings() } }
  const counted = cases.filter(({ name }, index) => index === 0 || name.includes(named))
  for (const { name } of counted) await traffic.define(setName(name), [schemeRequest(name, issuer)])
  const rows = await countInstructions(
    counted.map(({ name }) => [{ name, worker: 'countersign', requests: setName(name) }, run] as const),
    traffic,
    options,
  )
  return rows.map((row, index) => ({ ...row, gate: counted[index]?.gate ?? null }))
}

const setName = (name: string): string => `get by ${name}`

const bindingName = (name: string): string => `BENCH_SCHEME_${name.replaceAll('-', '_').toUpperCase()}`

const schemeUpstreams = Object.fromEntries(
  cases.map(({ name, sign }) => [
    name,
    { sign, keys: { test: bindingName(name) }, routes: { 'GET /api/v1/customers/*': 'customer:read' } },
  ]),
)

const schemeBindings = (): Readonly<Record<string, string>> =>
  Object.fromEntries(cases.map(({ name, secret }) => [bindingName(name), secret()]))

const schemeRequest = (name: string, issuer: TestIssuer): Uint8Array => {
  const exp = Math.floor(Date.now() / 1_000) + 3_500
  const token = issuer.token({ team: 'bench', sub: 'bench', scope: `${name}:customer:*`, exp })
  return request('GET', `/${name}/api/v1/customers/cus_1?expand=plan`, token)
}
