import { expect, test } from 'vitest'
import { accessTokenSeconds, endedGrantsMax } from '../../src/core/limits.ts'
import type { Revocation } from '../../src/core/quota/revocation.ts'
import { accountRevocations } from '../../src/http/account-revocations.ts'
import { endInAccounts } from '../../src/tokens/token-service.ts'

const now = 1_800_000_000_500

const recording = (fits: boolean) => {
  const made: (Omit<Revocation, 'id'> & { readonly team: string })[] = []
  const accounts = accountRevocations(
    (team) => ({
      revoke: async (revocation) => {
        made.push({ ...revocation, team })
        return fits || revocation.by === 'before' ? { ...revocation, id: 'r' } : null
      },
      revocations: async () => [],
    }),
    { now: () => now },
  )
  return { accounts, made }
}

test('ends what descends from a grant, or one token, for as long as any such token lives', async () => {
  const { accounts, made } = recording(true)
  await accounts.revoke('checkout', { by: 'gid', value: 'pat:abc' })
  await accounts.revoke('search', { by: 'jti', value: 'jti' })
  expect(made).toMatchObject([
    { team: 'checkout', issuer: 'countersign', by: 'gid', value: 'pat:abc' },
    { team: 'search', issuer: 'countersign', by: 'jti', value: 'jti' },
  ])
  for (const { until } of made) expect(until).toBeGreaterThan(now + accessTokenSeconds * 1000)
})

test('where the list of a team is full, ends all of our tokens that it was issued until now', async () => {
  const { accounts, made } = recording(false)
  await accounts.revoke('checkout', { by: 'gid', value: 'pat:abc' })
  expect(made.at(-1)).toMatchObject({ issuer: 'countersign', by: 'before', value: '1800000001' })
})

test('what ends in great number ends at once', async () => {
  const { accounts, made } = recording(true)
  const ended = (count: number) =>
    Array.from({ length: count }, (_, n) => ({ grantId: `pat:${n}`, team: 'checkout' }))
  await endInAccounts(accounts, [...ended(endedGrantsMax), { grantId: 'pat:x', team: null }])
  expect(made.map(({ by }) => by)).toEqual(Array.from({ length: endedGrantsMax }, () => 'gid'))
  made.length = 0
  await endInAccounts(accounts, ended(endedGrantsMax + 1))
  expect(made.map(({ by }) => by)).toEqual(['before'])
})
