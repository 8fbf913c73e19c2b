import { expect, test } from 'vitest'
import type { Revocation } from '../../../src/core/quota/revocation.ts'
import type { Administrator } from '../../../src/http/admin/authorize.ts'
import type { Administration } from '../../../src/http/admin/operations.ts'
import { administrationRoutes } from '../../../src/http/admin/routes.ts'

const soon = 1_795_000_000_000
const entry = (id: string, until: number): Revocation => ({ id, issuer: null, by: 'jti', value: id, until })

const administrator: Administrator = {
  subject: 'admin-key',
  role: 'admin',
  team: null,
  scopes: [],
  expiresAt: null,
  grantId: null,
}

const page = async (query: string, revocations: readonly Revocation[]) => {
  const deps = {
    config: { teams: new Map([['checkout', { name: 'checkout' }]]) },
    openAccount: () => ({ revocations: async () => revocations }),
  } as unknown as Administration
  const routes = administrationRoutes(deps, async () => administrator)
  const answer = await routes.request(`/api/revocations?team=checkout${query}`)
  const { items, next } = (await answer.json()) as { items: readonly { id: string }[]; next: string | null }
  return { ids: items.map(({ id }) => id), next }
}

test('lists page by page, those that end first first, and loses none when the first of them end', async () => {
  const kept = [entry('c', soon + 2), entry('b', soon), entry('d', soon + 2), entry('a', soon + 1)]
  const first = await page('&limit=2', kept)
  expect(first).toEqual({ ids: ['b', 'a'], next: expect.any(String) })
  const rest = { ids: ['c', 'd'], next: null }
  expect(await page(`&limit=2&cursor=${first.next}`, kept)).toEqual(rest)
  const pruned = kept.filter(({ id }) => id !== 'b' && id !== 'a')
  expect(await page(`&limit=2&cursor=${first.next}`, pruned)).toEqual(rest)
  expect(await page('', kept)).toEqual({ ids: ['b', 'a', 'c', 'd'], next: null })
})
