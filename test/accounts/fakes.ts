/** Time, accounts and permits for tests of the wallet: everything but the wallet itself, without a network. */
import type { CallContext } from '../../src/accounts/accounts.ts'
import type { AccountStub } from '../../src/accounts/purse.ts'
import { createWallet } from '../../src/accounts/wallet.ts'
import type { Limit } from '../../src/core/configuration.ts'
import type { Caller, Permit } from '../../src/core/permit.ts'
import { createAccount, type Journal, sweepUnsettled, tick } from '../../src/core/quota/account.ts'
import { applySync } from '../../src/core/quota/apply-sync.ts'
import type { Rules } from '../../src/core/quota/revocation.ts'
import type { SyncReply, SyncRequest } from '../../src/core/quota/sync.ts'

/** A clock that moves only when it is told to, with the timers that hang on it. */
export class VirtualTime {
  now: number
  #timers: { readonly at: number; readonly run: () => void; cancelled: boolean }[] = []

  constructor(start = Date.UTC(2026, 10, 22, 12)) {
    this.now = start
  }

  readonly setTimer = (run: () => void, millis: number): (() => void) => {
    const timer = { at: this.now + millis, run, cancelled: false }
    this.#timers.push(timer)
    return () => {
      timer.cancelled = true
    }
  }

  readonly sleep = (millis: number): Promise<void> =>
    new Promise((resolve) => {
      this.setTimer(resolve, millis)
    })

  async advance(millis: number): Promise<void> {
    const end = this.now + millis
    await turn()
    for (;;) {
      const [next] = this.#timers
        .filter(({ at, cancelled }) => !cancelled && at <= end)
        .sort((one, other) => one.at - other.at)
      if (next === undefined) break
      this.now = Math.max(this.now, next.at)
      next.cancelled = true
      next.run()
      await turn()
    }
    this.#timers = this.#timers.filter(({ cancelled }) => !cancelled)
    this.now = end
  }
}

/** Lets everything run that waits for nothing but other promises. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

type Fate = 'answer' | 'lose the request' | 'lose the reply' | 'hang' | 'overloaded'

/** The account's rules behind a network of `delay` milliseconds each way; `fates` are used up first. */
export class FakeAccount implements AccountStub {
  readonly state = createAccount()
  readonly totals = { granted: 0, used: 0, returned: 0, outstanding: 0, unsettled: 0 }
  /** Requests by outcome. */
  readonly outcomes = new Map<string, number>()
  readonly refused = new Map<string, number>()
  readonly requests: SyncRequest[] = []
  readonly #time: VirtualTime
  readonly #delay: number
  limits: readonly Limit[]
  fates: Fate[] = []
  isolatesMax = 600

  constructor(time: VirtualTime, limits: readonly Limit[], delay = 1) {
    this.#time = time
    this.limits = limits
    this.#delay = delay
  }

  async sync(request: SyncRequest): Promise<SyncReply> {
    this.requests.push(structuredClone(request))
    const fate = this.fates.shift() ?? 'answer'
    await this.#time.sleep(this.#delay)
    if (fate === 'hang') return new Promise(() => {})
    if (fate === 'overloaded') throw Object.assign(new Error('too many requests'), { overloaded: true })
    if (fate === 'lose the request') throw new Error('network connection lost')
    const now = tick(this.state, this.#time.now)
    const { limits, isolatesMax } = this
    const { reply, journal } = applySync(this.state, structuredClone(request), { now, limits, isolatesMax })
    this.#book(journal)
    const copy = structuredClone(reply)
    await this.#time.sleep(this.#delay)
    if (fate === 'lose the reply') throw new Error('network connection lost')
    return copy
  }

  sweep(): void {
    this.#book(sweepUnsettled(this.state, tick(this.state, this.#time.now)))
  }

  change(rules: Partial<Omit<Rules, 'version'>>): void {
    this.state.rules = { ...this.state.rules, ...rules, version: this.state.rules.version + 1 }
  }

  #book(journal: Journal): void {
    for (const entry of journal.ledger.entries()) {
      this.totals.granted += entry.granted
      this.totals.used += entry.used
      this.totals.returned += entry.returned
      this.totals.outstanding += entry.outstanding
      this.totals.unsettled += entry.unsettled
    }
    for (const { outcome, requests } of journal.usage)
      this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + requests)
    for (const { code, requests } of journal.refused)
      this.refused.set(code, (this.refused.get(code) ?? 0) + requests)
  }
}

export const limitOf = (
  name: string,
  requests: number,
  perMillis: number,
  more: Partial<Limit> = {},
): Limit => ({
  name,
  requests,
  perMillis,
  per: `${perMillis}ms`,
  burst: requests,
  upstream: null,
  methods: null,
  mode: 'enforce',
  ...more,
})

const issuer = { name: 'acme', clockToleranceSeconds: 5, maxLifetimeSeconds: 900 }
const key = { upstream: 'plugipay', name: 'test', versions: ['PLUGIPAY_TEST'] }

interface PermitFacts {
  readonly team?: string
  readonly limits?: readonly Limit[]
  readonly caller?: Partial<Caller>
}

/** A permit with the parts that accounts look at. */
export const permitOf = ({ team = 'checkout', limits = [], caller = {} }: PermitFacts = {}): Permit =>
  ({
    team: { name: team },
    key,
    caller: {
      issuer,
      team,
      subject: 'alice',
      tokenId: 'token-1',
      grantId: null,
      issuedAt: Date.UTC(2026, 10, 22, 11) / 1_000,
      expiresAt: Date.UTC(2026, 10, 23) / 1_000,
      ...caller,
    },
    limitSet: { id: limits.map(({ name }) => name).join(','), limits },
  }) as unknown as Permit

let isolates = 0

/** A wallet as one isolate has it, over `open`; `background` is what it handed to waitUntil. */
export const isolateOver = (time: VirtualTime, open: (team: string) => AccountStub, accountsMax?: number) => {
  const background: Promise<unknown>[] = []
  const failures: unknown[] = []
  const wallet = createWallet({
    openAccount: open,
    newIdentity: () => {
      isolates += 1
      return `isolate-${isolates}`
    },
    setTimer: time.setTimer,
    onSyncFailed: (_team, error) => failures.push(error),
    ...(accountsMax === undefined ? {} : { accountsMax }),
  })
  const context: CallContext = { now: () => time.now, waitUntil: (work) => background.push(work) }
  return { wallet, context, background, failures }
}
