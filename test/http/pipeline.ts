/** The pipeline with everything around it played: the account, the upstream, the tokens. Keys and signing are real. */
import type { Accounts, Admission, Dispatch } from '../../src/accounts/accounts.ts'
import type { Configuration } from '../../src/core/configuration.ts'
import type { Caller, Permit } from '../../src/core/permit.ts'
import { type ProblemCode, Refusal } from '../../src/core/problems.ts'
import { parseTokenScopes } from '../../src/core/scope.ts'
import { KeyStore } from '../../src/credentials/keys.ts'
import { MintedTokens } from '../../src/credentials/minted.ts'
import { createApp } from '../../src/http/app.ts'
import { Buffers } from '../../src/http/buffers.ts'
import type { Deps } from '../../src/http/deps.ts'
import { setTimer } from '../../src/http/timer.ts'
import { configuration, issuerOf } from './configuration.ts'

/** Secrets of the upstreams below, obviously made up. */
export const bindings: Readonly<Record<string, unknown>> = {
  OPEN_2: 'made-up-open-2',
  OPEN_1: 'made-up-open-1',
  SIGNED: 'ak_test_madeup:sk_test_madeup',
  ENCODED: 'made-up-encoded',
}

/** `open` sends its secret and streams bodies; `signed` covers a digest of the body; `encoded` takes odd paths. */
export const upstreams = {
  open: {
    url: 'https://open.test/v1',
    sign: { scheme: 'bearer' },
    keys: { main: ['OPEN_2', 'OPEN_1'], gone: 'NOT_BOUND' },
    routes: { 'GET /things': 'read', 'POST /things': 'write', '* /any/**': 'any' },
    headers: { allow: ['x-trace-me'], set: { 'x-origin': 'edge' } },
    maxBodyBytes: 1_000,
    keyRefused: { status: 401, codes: ['INVALID_KEY'] },
  },
  signed: {
    url: 'https://signed.test',
    sign: { scheme: 'plugipay' },
    keys: { main: 'SIGNED' },
    routes: { '* /**': 'all' },
    maxBodyBytes: 5_000,
    maxBufferedBytes: 1_000,
    keyRefused: { status: 401, codes: ['INVALID_KEY'] },
  },
  encoded: {
    url: 'https://encoded.test',
    sign: { scheme: 'bearer' },
    keys: { main: 'ENCODED' },
    routes: { '* /**': 'all' },
    encodedPath: 'allow',
  },
} as const

export const pipelineConfig = (): Configuration =>
  configuration({
    upstreams,
    teams: {
      checkout: {
        grants: {
          open: { keys: ['main', 'gone'], defaultKey: 'main', scopes: ['*'] },
          signed: { keys: ['main'], scopes: ['*'] },
          encoded: { keys: ['main'], scopes: ['*'] },
        },
        origins: ['https://shop.test'],
      },
      other: {
        grants: { open: { keys: ['main'], scopes: ['read'] } },
        origins: ['https://other-shop.test'],
      },
    },
  })

/** An account that admits, and keeps a diary of every unit. */
export class PlayedAccounts implements Accounts {
  readonly diary: string[] = []
  /** What every use was booked with. */
  readonly bytesOut: (number | null)[] = []
  /** Thrown by `admit` instead of a unit, one after the other; null admits. */
  readonly refusals: (Refusal | null)[] = []
  /** How many commits find their lease stale. */
  stale = 0
  /** Runs inside of every commit: whatever happens before the turn ends has happened before the `fetch`. */
  onCommit: () => void = () => {}
  /** How long `admit` takes. */
  slowly: Promise<void> | null = null

  async admit(permit: Permit): Promise<Admission> {
    this.diary.push('admit')
    await this.slowly
    const refusal = this.refusals.shift() ?? null
    if (refusal !== null) throw refusal
    let state: 'reserved' | 'used' | 'returned' = 'reserved'
    const commit = (): Dispatch | null => {
      this.onCommit()
      if (this.stale > 0) {
        this.stale -= 1
        this.diary.push('stale')
        return null
      }
      if (state !== 'reserved') throw new Error(`committed a unit that was ${state}`)
      state = 'used'
      this.diary.push('commit')
      let settled = false
      const settle: Dispatch['settle'] = (outcome, { bytesOut }) => {
        if (!settled) this.diary.push(outcome)
        this.bytesOut.push(bytesOut)
        settled = true
      }
      return { settle } as unknown as Dispatch
    }
    return {
      permit,
      commit,
      renew: async () => {
        this.diary.push('renew')
      },
      release: () => {
        if (state !== 'reserved') return
        state = 'returned'
        this.diary.push('release')
      },
      rateLimit: () => ({ policy: '"all";q=100;w=1', limit: '"all";r=99;t=1' }),
    } as unknown as Admission
  }

  refused(team: string, code: ProblemCode): void {
    this.diary.push(`refused ${team} ${code}`)
  }
}

export interface Sent {
  readonly url: string
  readonly method: string
  readonly headers: Headers
  readonly body: RequestInit['body']
  readonly cache: string | null
  readonly signal: AbortSignal | null
}

/** What the upstream does; a function of the request that reached it. */
export type Play = (sent: Sent) => Response | Promise<Response>

export interface Pipeline {
  readonly call: (path: string, init?: RequestInit) => Promise<Response>
  readonly deps: Deps
  readonly accounts: PlayedAccounts
  readonly sent: readonly Sent[]
  readonly lines: readonly Readonly<Record<string, unknown>>[]
  /** What the Worker's runtime is asked to wait for. */
  readonly waits: readonly Promise<unknown>[]
}

/** `Bearer checkout` is a token of that team with all it was granted; `Bearer checkout/open:read` has these scopes. */
const verify = (config: Configuration, token: string): Caller => {
  const [team = '', ...scopes] = token.split('/')
  if (team === 'expired') throw new Refusal('token_expired')
  return {
    issuer: issuerOf(config),
    team,
    subject: 'someone',
    tokenId: 'token-1',
    grantId: null,
    role: null,
    issuedAt: 0,
    expiresAt: 900,
    scopes: scopes.length === 0 ? 'granted' : parseTokenScopes(scopes.join('/')),
  }
}

export const fine: Play = () => new Response('fine')

export const pipeline = (play: Play = fine, changes: Partial<Deps> = {}): Pipeline => {
  const config = changes.config ?? pipelineConfig()
  const accounts = new PlayedAccounts()
  const sent: Sent[] = []
  const lines: Readonly<Record<string, unknown>>[] = []
  const waits: Promise<unknown>[] = []
  const now = changes.now ?? (() => 1_000_000)
  let nonces = 0
  const deps: Deps = {
    config,
    verify: (token) => verify(config, token),
    accounts,
    keys: new KeyStore({ bindings, now, setTimer }),
    minted: new MintedTokens({
      setTimer,
      fetch: () => {
        throw new Error('nothing here is minted')
      },
    }),
    buffers: new Buffers(),
    fetch: async (url, init) => {
      const one = {
        url,
        method: init.method ?? 'GET',
        headers: new Headers(init.headers),
        body: init.body ?? null,
        cache: init.cache ?? null,
        signal: init.signal ?? null,
      }
      sent.push(one)
      return play(one)
    },
    now,
    nonce: () => {
      nonces += 1
      return nonces.toString(16).padStart(32, '0')
    },
    ...changes,
  }
  const app = createApp({ kind: 'ready', deps, complete: true }, [], {
    now,
    log: (line) => lines.push(JSON.parse(line)),
  })
  const call: Pipeline['call'] = (path, { signal, ...init } = {}) => {
    const headers = new Headers(init.headers)
    if (!headers.has('authorization')) headers.set('authorization', 'Bearer checkout')
    if (headers.get('authorization') === 'none') headers.delete('authorization')
    const request = new Request(`https://edge.test${path}`, { ...init, headers })
    // Node's Request would have a signal of its own that follows this one, and nobody could see who listens to it.
    if (signal) Object.defineProperty(request, 'signal', { value: signal })
    return app(request, { waitUntil: (work) => waits.push(work) })
  }
  return { call, deps, accounts, sent, lines, waits }
}

/** Code of a problem that was answered, checked to be one in all its parts. */
export const problemOf = async (response: Response): Promise<string> => {
  const { code } = (await response.json()) as { code: string }
  if (response.headers.get('countersign-error') !== code) throw new Error('header and body disagree')
  return code
}
