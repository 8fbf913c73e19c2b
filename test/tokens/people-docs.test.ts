/** docs/people.md says how people sign in and how long things last; both are held against the code. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parseConfig } from '../../src/config/parse.ts'
import {
  accessTokenSeconds,
  adminSessionSeconds,
  authorizationCodeSeconds,
  deviceLooksMax,
  deviceSeconds,
  refreshIdleSeconds,
  refreshSeconds,
  sessionSeconds,
} from '../../src/core/limits.ts'
import { readPerson } from '../../src/tokens/people.ts'

const page = readFileSync('docs/people.md', 'utf8')

test('its sign-in is a configuration without a fault, and makes people of claims', () => {
  const [, shown = ''] = /```ts\n(signIn: [\s\S]*?)```/.exec(page) ?? []
  const { signIn } = new Function(`return { ${shown} }`)() as { signIn: object }
  const parsed = parseConfig(
    { url: 'https://edge.acme.example', upstreams: {}, teams: { checkout: { grants: {} } }, signIn },
    { signingKeys: true },
  )
  if ('faults' in parsed || parsed.config.signIn === null) throw new Error(JSON.stringify(parsed))
  const claims = { sub: 'ada', department: 'E-Commerce', groups: ['staff', 'shop-leads'] }
  expect(readPerson(claims, parsed.config.signIn, parsed.config.teams)).toEqual({
    subject: 'signin/ada',
    team: 'checkout',
    role: 'team-admin',
  })
})

test('its table says what the limits say', () => {
  const row = (what: string): string => page.split('\n').find((line) => line.startsWith(`| ${what}`)) ?? ''
  expect(row('access token')).toContain(`${accessTokenSeconds / 60} minutes`)
  expect(row('authorization code')).toContain(`${authorizationCodeSeconds} seconds`)
  expect(row('device code')).toContain(`${deviceSeconds / 60} minutes`)
  expect(row('device code')).toContain(`${deviceLooksMax} times`)
  expect(row('refresh token')).toContain(
    `${refreshIdleSeconds / 86_400} days idle, ${refreshSeconds / 86_400} days in all`,
  )
  expect(row('session')).toContain(`${sessionSeconds / 3_600} hours`)
  expect(row('session')).toContain(`${adminSessionSeconds / 3_600} hour`)
})
