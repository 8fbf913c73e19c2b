import { evictDurableObject } from 'cloudflare:test'
import { env } from 'cloudflare:workers'
import { expect, test } from 'vitest'
import { createWallet } from '../../src/accounts/wallet.ts'
import type { Limit } from '../../src/core/configuration.ts'
import type { Permit } from '../../src/core/permit.ts'
import { Refusal } from '../../src/core/problems.ts'
import { clock, type TeamAccount } from '../workerd/accounts/worker.ts'

const accounts = env.ACCOUNTS as unknown as DurableObjectNamespace<TeamAccount>

const permit = {
  team: { name: 'evicted' },
  key: { upstream: 'plugipay', name: 'test' },
  caller: {
    issuer: { name: 'acme', clockToleranceSeconds: 5 },
    subject: 'alice',
    tokenId: null,
    grantId: null,
    issuedAt: 0,
    expiresAt: Number.MAX_SAFE_INTEGER,
  },
  limitSet: { id: 'all', limits: [{ name: 'all' } as Limit] },
} as unknown as Permit

test('R01 R03: four wallets and 1,000 concurrent calls use a limit of 100 exactly while the account is evicted', async () => {
  const stub = () => accounts.get(accounts.idFromName('team:evicted'))
  const wallets = Array.from({ length: 4 }, (_, at) =>
    createWallet({
      openAccount: () => stub(),
      newIdentity: () => `isolate-${at}`,
      setTimer: (run, millis) => {
        const timer = setTimeout(run, millis)
        return () => clearTimeout(timer)
      },
    }),
  )
  const background: Promise<unknown>[] = []
  const context = {
    now: () => Date.now() + clock.offset,
    waitUntil: (work: Promise<unknown>) => background.push(work),
  }
  let evicting = true
  let evicted = 0
  const evictions = (async () => {
    while (evicting) {
      try {
        await evictDurableObject(stub())
        evicted += 1
      } catch (error) {
        // Between two calls there may be nothing to evict.
        expect(String(error)).toContain('not currently running')
      }
      await new Promise((resolve) => setTimeout(resolve, 3))
    }
  })()
  let used = 0
  const codes = new Set<string>()
  const call = async (at: number): Promise<void> => {
    // Not all in one turn, so that evictions fall between them.
    await new Promise((resolve) => setTimeout(resolve, at))
    const wallet = wallets[at % 4]
    if (wallet === undefined) return
    try {
      const admission = await wallet.admit(permit, context)
      while (admission.commit(context.now()) === null) await admission.renew()
      used += 1
    } catch (refusal) {
      if (!(refusal instanceof Refusal)) throw refusal
      codes.add(refusal.code)
    }
  }
  await Promise.all(Array.from({ length: 1_000 }, (_, at) => call(at)))
  evicting = false
  await evictions
  expect(evicted).toBeGreaterThan(1)
  expect(used).toBe(100)
  expect(codes).toEqual(new Set(['rate_limited']))
  await Promise.all(background)
  expect(await stub().usage({ from: 0, to: 4_102_444_800_000, by: [] })).toMatchObject({
    granted: 100,
    used: 100,
    outstanding: 0,
    unsettled: 0,
  })
}, 30_000)
