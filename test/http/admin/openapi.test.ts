import { expect, test } from 'vitest'
import { Secret } from '../../../src/core/redact.ts'
import { openapi } from '../../../src/http/admin/openapi.ts'
import type { Schema } from '../../../src/http/admin/openapi-schemas.ts'
import type { Administration } from '../../../src/http/admin/operations.ts'
import { administrationRoutes, createGuard } from '../../../src/http/admin/routes.ts'
import type { TokenService } from '../../../src/tokens/token-service.ts'

test('every route of the admin API is described, and nothing else', () => {
  // Routes are only listed, never called.
  const guard = createGuard({ signing: null } as TokenService, new Secret('k'.repeat(32)))
  const routes = administrationRoutes({} as Administration, guard)
    .routes.filter(({ method, path }) => method !== 'ALL' && path.startsWith('/api/'))
    .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, '{$1}')}`)
  const paths = Object.entries(openapi()['paths'] as Readonly<Record<string, Schema>>)
  const described = paths.flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  )
  expect(routes.length).toBeGreaterThan(3)
  expect(described.sort()).toEqual(routes.sort())
})

test('every schema is used, and every reference leads to one', () => {
  const text = JSON.stringify(openapi())
  const { schemas } = openapi()['components'] as { schemas: Readonly<Record<string, Schema>> }
  const used = new Set([...text.matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name))
  expect([...used].sort()).toEqual(Object.keys(schemas).sort())
})
