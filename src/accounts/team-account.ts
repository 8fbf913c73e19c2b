/**
 * The account of one team as a Durable Object: loads, calls the pure rules of `core/quota`, saves, with no await
 * between. The reply leaves when the writes are durable (output gate), so nothing is granted that could be
 * forgotten. Tables: account-schema.ts.
 *
 * Lost on eviction: nothing that counts. Memory is a copy of the tables, made again at the next call. When a
 * write fails, the copy is dropped and the caller sends the same request again; it is applied once.
 * Limits: one thread, some hundred isolates (docs/leases.md). Beyond: `overloaded`.
 */
import { DurableObject } from 'cloudflare:workers'
import type { Limit } from '../core/configuration.ts'
import { alarmRetryMillis, revocationsPerTeamMax, usageRowsMax } from '../core/limits.ts'
import {
  type AccountState,
  forgetSilent,
  type Journal,
  leaseId,
  nextSweepAt,
  sweepUnsettled,
  tick,
} from '../core/quota/account.ts'
import { applySync } from '../core/quota/apply-sync.ts'
import { dayMillis, dayOf } from '../core/quota/books.ts'
import { applyOverrides, changeOverrides, type LimitOverrides } from '../core/quota/overrides.ts'
import { addRevocation, pruneRevocations, type Revocation, type Rules } from '../core/quota/revocation.ts'
import type { SyncReply, SyncRequest } from '../core/quota/sync.ts'
import type { AccountDescription, AccountPatch, UsageQuery, UsageReport } from './account-rpc.ts'
import { AccountTables } from './account-tables.ts'
import { dayDocument, dayKey, rollupDueAt } from './rollup.ts'

/** What the account takes from the configuration that is deployed with it. */
export interface AccountConfig {
  readonly limits: readonly Limit[]
  readonly rollupMinutes: number
}

export interface AccountDeps {
  /** null: there is no such team (any more). */
  readonly configOf: (team: string) => AccountConfig | null
  readonly now: () => number
  readonly log: (line: string) => void
}

export interface AccountEnv {
  readonly USAGE: KVNamespace
}

const pruneMillis = dayMillis

/** The class, bound to a configuration; `worker.ts` exports it as `TeamAccount`. */
export function teamAccount({ configOf, now: readClock, log }: AccountDeps) {
  return class TeamAccount extends DurableObject<AccountEnv> {
    readonly #tables: AccountTables
    readonly #team: string
    #state: AccountState | null = null
    #overrides: LimitOverrides | null = null
    /** Days to be copied to KV, with the time of their latest put; null: not loaded. */
    #dirty: Map<number, number> | null = null
    #alarmAt: number | null = null

    constructor(ctx: DurableObjectState, env: AccountEnv) {
      super(ctx, env)
      this.#tables = new AccountTables(ctx.storage.sql)
      const known = this.#tables.fact('name', '')
      const { name = known } = ctx.id
      if (name !== known) this.#tables.setFact('name', name)
      this.#team = teamOf(name)
    }

    /** Books, takes back, grants: core/quota/apply-sync.ts. Idempotent by (isolate, sequence). */
    sync(request: SyncRequest): SyncReply {
      return this.#change((state, now) => {
        this.#remember(state, request)
        const { reply, journal } = applySync(state, request, { now, limits: this.#limits() })
        this.#save(state, journal, request.isolate)
        return reply
      })
    }

    /** `rowsMax`: the answer would have more rows than that. */
    usage(query: UsageQuery): UsageReport | { readonly rowsMax: number } {
      const rows = this.#tables.usage(query, usageRowsMax + 1)
      if (rows.length > usageRowsMax) return { rowsMax: usageRowsMax }
      return {
        ...this.#tables.totals(query),
        rows,
        refused: this.#tables.refused(query),
        observed: this.#tables.observed(query),
      }
    }

    /** Answered when it is committed; two seconds later no call starts with what it revokes. null: the list is full. */
    revoke(revocation: Omit<Revocation, 'id'>): Revocation | null {
      return this.#change((state, now) => {
        const kept = pruneRevocations(state.rules.revocations, now)
        const { revocations, entry } = addRevocation(kept, { ...revocation, id: crypto.randomUUID() })
        if (revocation.by !== 'before' && revocations.length > revocationsPerTeamMax) return null
        this.#tables.saveRevocation(entry)
        this.#setRules(state, { revocations })
        return entry
      })
    }

    revocations(): readonly Revocation[] {
      return pruneRevocations(this.#load().rules.revocations, readClock())
    }

    /** As AccountRpc has it. Compared in the turn of the change: of two made of the same state, one passes. */
    patch(
      { suspended, limits = {} }: AccountPatch,
      expected = this.describe(),
    ): AccountDescription | { readonly unknownLimit: string } | null {
      return this.#change((state) => {
        if (JSON.stringify(expected) !== JSON.stringify(this.describe())) return null
        const known = this.#limits().map(({ name }) => name)
        const unknownLimit = Object.keys(limits).find((name) => !known.includes(name))
        if (unknownLimit !== undefined) return { unknownLimit }
        this.#overrides = changeOverrides(this.#overridden(), limits)
        this.#tables.setFact('overrides', this.#overrides)
        if (suspended !== undefined && suspended !== state.rules.suspended)
          this.#setRules(state, { suspended })
        return this.describe()
      })
    }

    describe(): AccountDescription {
      const overrides = this.#overridden()
      return {
        suspended: this.#load().rules.suspended,
        limits: this.#limits().map(({ name, requests, per, burst }) => ({
          name,
          requests,
          per,
          burst,
          overridden: Object.hasOwn(overrides, name),
        })),
      }
    }

    /** Sweeps, prunes and copies to KV. May run twice or late; whatever fails in it is due again. */
    override async alarm(): Promise<void> {
      // Set first, so that whatever happens below happens again.
      this.#alarmAt = readClock() + alarmRetryMillis
      this.ctx.storage.setAlarm(this.#alarmAt)
      try {
        this.#change((state, now) => {
          this.#save(state, sweepUnsettled(state, now), null)
          this.#prune(state, now)
          forgetSilent(state, now)
        })
        await this.#rollUp()
        this.#alarmAt = null
        this.#change(() => {})
        if (this.#alarmAt === null) this.ctx.storage.deleteAlarm()
      } catch (error) {
        this.#dirty = null
        log(JSON.stringify({ event: 'account_alarm_failed', team: this.#team, reason: String(error) }))
      }
    }

    /** Load, change, save, arm; a change that could not be stored is not kept in memory either. */
    #change<T>(change: (state: AccountState, now: number) => T): T {
      try {
        return this.ctx.storage.transactionSync(() => {
          const state = this.#load()
          const now = tick(state, readClock())
          const result = change(state, now)
          this.#arm(state, now)
          return result
        })
      } catch (error) {
        this.#state = null
        this.#overrides = null
        this.#dirty = null
        this.#alarmAt = null
        throw error
      }
    }

    #load(): AccountState {
      this.#state ??= this.#tables.load()
      return this.#state
    }

    /** Brings what the account's copy in memory lacks about this isolate and these hours. */
    #remember(state: AccountState, { isolate, usage }: SyncRequest): void {
      if (!state.isolates.has(isolate)) {
        const known = this.#tables.isolate(isolate)
        if (known !== null) state.isolates.set(isolate, known.record)
        for (const lease of known?.leases ?? []) state.leases.set(leaseId(lease), lease)
      }
      for (const { hour } of usage)
        if (!state.subjects.has(hour)) state.subjects.set(hour, this.#tables.subjects(hour))
    }

    #save(state: AccountState, journal: Journal, isolate: string | null): void {
      this.#tables.save(state, journal, isolate)
      for (const { hour } of [...journal.ledger.entries(), ...journal.usage]) {
        const day = dayOf(hour)
        if (this.#dirtyDays().has(day)) continue
        this.#tables.markDirty(day)
        this.#dirty = null
      }
    }

    #limits(): readonly Limit[] {
      return applyOverrides(configOf(this.#team)?.limits ?? [], this.#overridden())
    }

    #overridden(): LimitOverrides {
      this.#overrides ??= this.#tables.fact<LimitOverrides>('overrides', {})
      return this.#overrides
    }

    #setRules(state: AccountState, changed: Partial<Rules>): void {
      state.rules = { ...state.rules, ...changed, version: state.rules.version + 1 }
      const { version, suspended } = state.rules
      this.#tables.setFact('rules', { version, suspended })
    }

    #prune(state: AccountState, now: number): void {
      const kept = pruneRevocations(state.rules.revocations, now)
      if (kept !== state.rules.revocations) {
        this.#tables.pruneRevocations(now)
        this.#setRules(state, { revocations: kept })
      }
      if (this.#tables.fact('prunedAt', 0) + pruneMillis > now) return
      this.#tables.prune(now)
      this.#tables.setFact('prunedAt', now)
    }

    /** KV is asked outside of any transaction. Use that is booked meanwhile marks the day again. */
    async #rollUp(): Promise<void> {
      const minutes = configOf(this.#team)?.rollupMinutes
      if (minutes === undefined) return
      for (const dirty of this.#tables.dirtyDays()) {
        const now = readClock()
        if (dirty.putAt !== 0 && rollupDueAt(dirty, minutes, now) > now) continue
        const document = dayDocument(this.#tables, dirty.day, { team: this.#team, now })
        this.#dirtyDays().delete(dirty.day)
        await this.env.USAGE.put(dayKey(this.#team, dirty.day), JSON.stringify(document))
        this.#tables.markPut(dirty, now)
        this.#dirty = null
      }
    }

    #dirtyDays(): Map<number, number> {
      this.#dirty ??= new Map(this.#tables.dirtyDays().map(({ day, putAt }) => [day, putAt]))
      return this.#dirty
    }

    /** Sets the alarm to the first thing that is due. */
    #arm(state: AccountState, now: number): void {
      const minutes = configOf(this.#team)?.rollupMinutes
      const due = [nextSweepAt(state), ...state.rules.revocations.map(({ until }) => until)]
      if (minutes !== undefined)
        for (const [day, putAt] of this.#dirtyDays()) due.push(rollupDueAt({ day, putAt }, minutes, now))
      const next = Math.min(...due)
      if (next === Infinity || (this.#alarmAt !== null && this.#alarmAt <= next)) return
      this.#alarmAt = Math.max(next, now + 1)
      this.ctx.storage.setAlarm(this.#alarmAt)
    }
  }
}

/** Objects are named `team:<id>`; `key:<upstream>/<key>` is reserved for quotas that teams share. */
function teamOf(name: string): string {
  return name.startsWith('team:') ? name.slice('team:'.length) : ''
}
