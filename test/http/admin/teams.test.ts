import { expect, test } from 'vitest'
import { FirstUseMap } from '../../../src/config/first-use.ts'
import type { Team } from '../../../src/core/configuration.ts'
import type { Administrator } from '../../../src/http/admin/authorize.ts'
import type { Administration } from '../../../src/http/admin/operations.ts'
import { administrationRoutes } from '../../../src/http/admin/routes.ts'

const listed = async (query: string, who: Pick<Administrator, 'role' | 'team'>) => {
  const made: string[] = []
  const teams = new FirstUseMap<Team>({ c: 0, a: 0, d: 0, b: 0 }, (name) => {
    made.push(name)
    return { name, grants: new Map(), limits: [], origins: new Set() }
  })
  const deps = {
    config: { teams },
    openAccount: () => ({ describe: async () => ({ suspended: false, limits: [] }) }),
  } as unknown as Administration
  const administrator: Administrator = { subject: 'made-up', scopes: [], expiresAt: 0, grantId: null, ...who }
  const answer = await administrationRoutes(deps, async () => administrator).request(`/api/teams${query}`)
  const { items, next } = (await answer.json()) as { items: readonly { id: string }[]; next: string | null }
  return { ids: items.map(({ id }) => id), next, made }
}

test('lists teams by name, page by page, and makes no others ready', async () => {
  const admin = { role: 'admin', team: null } as const
  expect(await listed('?limit=2', admin)).toEqual({ ids: ['a', 'b'], next: 'b', made: ['a', 'b'] })
  expect(await listed('?limit=2&cursor=b', admin)).toEqual({ ids: ['c', 'd'], next: null, made: ['c', 'd'] })
})

test('lists to who is no admin the own team alone', async () => {
  expect(await listed('', { role: 'member', team: 'c' })).toEqual({ ids: ['c'], next: null, made: ['c'] })
})
