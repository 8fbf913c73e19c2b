/** What is measured, and with which requests. */

import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildBundle } from '../test/raw/harness/bundle.ts'
import { requestBytes } from '../test/raw/harness/client.ts'
import { makeIssuer, type TestIssuer } from '../test/raw/harness/identity.ts'
import type { RunOptions } from '../test/raw/harness/workerd.ts'
import { benchUrl, configurationSource } from './configuration.ts'

/** Beyond the cache of verified tokens, whichever way it forgets: each of these is verified anew. */
const coldTokens = 30_000

export type WorkerName = keyof ReturnType<typeof workers>

export interface Candidate {
  readonly name: string
  readonly worker: WorkerName
  /** Name of a set of requests. */
  readonly requests: string
  /** Copies of the base are the unit of their group; the second one shows how exact the group is. */
  readonly base?: true
}

export interface Group {
  readonly name: string
  readonly connections: number
  readonly candidates: readonly Candidate[]
}

export const groups: readonly Group[] = [
  {
    name: 'GET',
    connections: 32,
    candidates: [
      { name: 'pass-through', worker: 'passThrough', requests: 'get', base: true },
      { name: 'pass-through, again (A/A)', worker: 'passThroughCopy', requests: 'get', base: true },
      { name: 'minimal, by hand', worker: 'minimal', requests: 'get' },
      { name: 'naive', worker: 'naive', requests: 'get' },
      { name: 'Countersign, cached token', worker: 'countersign', requests: 'get' },
      { name: 'Countersign, cold token', worker: 'countersign', requests: 'get-cold' },
      { name: 'Countersign, 10,000 teams and routes', worker: 'countersignLarge', requests: 'get' },
    ],
  },
  ...(['1 KiB', '1 MiB'] as const).map((size) => ({
    name: `POST ${size}`,
    connections: size === '1 KiB' ? 32 : 8,
    candidates: [
      { name: 'pass-through', worker: 'passThrough', requests: `post ${size}`, base: true },
      { name: 'pass-through, again (A/A)', worker: 'passThroughCopy', requests: `post ${size}`, base: true },
      { name: 'Countersign, buffered', worker: 'countersign', requests: `post ${size}` },
      { name: 'Countersign, client digest', worker: 'countersign', requests: `post ${size} digest` },
    ] satisfies readonly Candidate[],
  })),
]

/** Every Worker of the bench, ready to start. */
export const workers = (bundles: Bundles, bindings: Readonly<Record<string, string>>) => {
  const small = (file: string): RunOptions => ({ worker: { file }, bindings, objects: false })
  return {
    empty: small(join(import.meta.dirname, 'workers/empty.js')),
    passThrough: small(join(import.meta.dirname, 'workers/pass-through.js')),
    passThroughCopy: small(join(import.meta.dirname, 'workers/pass-through.js')),
    passThroughWithObjects: {
      worker: { file: join(import.meta.dirname, 'workers/pass-through-objects.js') },
      bindings,
    },
    minimal: { worker: { file: join(import.meta.dirname, 'workers/minimal.js') }, bindings },
    naive: small(bundles.naive),
    countersign: { worker: { file: bundles.countersign }, bindings },
    countersignRoutes: { worker: { file: bundles.countersignRoutes }, bindings },
    countersignLarge: { worker: { file: bundles.countersignLarge }, bindings },
  } satisfies Record<string, RunOptions>
}

export interface Bundles {
  readonly naive: string
  readonly countersign: string
  readonly countersignRoutes: string
  readonly countersignLarge: string
}

export const buildBundles = async (): Promise<Bundles> => ({
  naive: bundleNaive(),
  countersign: await buildBundle(configurationSource(10, 10)),
  countersignRoutes: await buildBundle(configurationSource(10, 10_000)),
  countersignLarge: await buildBundle(configurationSource(10_000, 10_000)),
})

const bundleNaive = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-naive-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  const wrangler = join(import.meta.dirname, '../node_modules/.bin/wrangler')
  const config = join(import.meta.dirname, 'workers/naive.toml')
  execFileSync(wrangler, ['deploy', '--dry-run', '--config', config, '--outdir', folder], {
    env: { ...process.env, CLOUDFLARE_CF_FETCH_ENABLED: 'false', WRANGLER_SEND_METRICS: 'false' },
    stdio: 'pipe',
  })
  return join(folder, 'naive.js')
}

/** Bindings that all Workers share; the secrets are made up anew in every run. */
export const makeBindings = (
  upstream: string,
): { readonly bindings: Readonly<Record<string, string>>; readonly issuer: TestIssuer } => {
  const issuer = makeIssuer('https://issuer.bench.example', benchUrl)
  const bindings = {
    UPSTREAM: upstream,
    BENCH_URL: benchUrl,
    BENCH_ISSUER: JSON.stringify({ issuer: issuer.issuer, jwks: issuer.jwks }),
    BENCH_KEY: `pk_test_${randomBytes(8).toString('hex')}:sk_test_${randomBytes(16).toString('hex')}`,
    COUNTERSIGN_ADMIN_KEY: randomBytes(24).toString('hex'),
  }
  return { bindings, issuer }
}

/** The sets of requests by name. All candidates of a group get the same bytes, but for the token's age and the digest. */
export const requestSets = (issuer: TestIssuer): ReadonlyMap<string, readonly Uint8Array[]> => {
  const token = (sub = 'bench') =>
    issuer.token({
      team: 'bench',
      sub,
      scope: 'plugipay:customer:*',
      exp: Math.floor(Date.now() / 1_000) + 3_500,
    })
  const warm = token()
  const get = (bearer: string) => request('GET', '/plugipay/api/v1/customers/cus_1?expand=plan', bearer)
  const sets = new Map<string, readonly Uint8Array[]>([
    ['get', [get(warm)]],
    ['get-cold', Array.from({ length: coldTokens }, (_unused, n) => get(token(`bench-${n}`)))],
  ])
  for (const [size, bytes] of [
    ['1 KiB', 1_024],
    ['1 MiB', 1_048_576],
  ] as const) {
    const body = randomBytes(bytes)
    const digest = `sha-256=:${createHash('sha256').update(body).digest('base64')}:`
    sets.set(`post ${size}`, [post(warm, body)])
    sets.set(`post ${size} digest`, [post(warm, body, [['content-digest', digest]])])
  }
  return sets
}

type HeaderLines = readonly (readonly [name: string, value: string])[]

const post = (token: string, body: Uint8Array, headers: HeaderLines = []): Buffer =>
  request('POST', '/plugipay/api/v1/customers', token, body, [
    ['content-type', 'application/octet-stream'],
    ['content-length', String(body.length)],
    ...headers,
  ])

/** As an SDK would send it. */
export const request = (
  method: string,
  target: string,
  token: string,
  body: Uint8Array = new Uint8Array(),
  headers: HeaderLines = [],
): Buffer =>
  requestBytes(method, target, {
    headers: [
      ['host', new URL(benchUrl).host],
      ['user-agent', 'bench/1.0'],
      ['accept', 'application/json'],
      ['accept-language', 'en'],
      ['authorization', `Bearer ${token}`],
      ...headers,
    ],
    body,
  })

export const bundleKilobytes = (bundles: Bundles): Readonly<Record<string, number>> =>
  Object.fromEntries(
    Object.entries(bundles).map(([name, file]) => [name, Math.round(readFileSync(file).length / 1_024)]),
  )
