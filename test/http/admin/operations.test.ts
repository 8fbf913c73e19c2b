import { describe, expect, it } from 'vitest'
import type { Role } from '../../../src/core/configuration.ts'
import { Refusal } from '../../../src/core/problems.ts'
import { roles } from '../../../src/core/roles.ts'
import { type Administration, operations } from '../../../src/http/admin/operations.ts'

/** What an account or the directory would do, once every check has let the call pass. */
const reach = (): never => {
  throw new Error('reached')
}

const now = 1_800_000_000_000
const deps = {
  config: {
    teams: new Map([['checkout', { name: 'checkout', grants: new Map(), limits: [], origins: new Set() }]]),
    issuers: new Map(),
    upstreams: new Map(),
  },
  openAccount: reach,
  now: () => now,
  service: { directory: reach, now: () => now },
} as unknown as Administration

const bodies: Readonly<Record<string, object>> = {
  'POST /api/revocations': { team: 'checkout', subject: 'lin', issuer: 'unknown' },
  'PATCH /api/teams/{id}': { suspended: true },
  'POST /api/explain': { upstream: 'unknown', method: 'GET' },
}

/** The code of the refusal; `reached` when nothing was refused. */
const outcome = async (
  call: string,
  who: { readonly role: Role; readonly team: string },
): Promise<string> => {
  const [method = ''] = call.split(' ')
  const url = new URL('https://edge.test')
  if (method === 'GET') url.searchParams.set('team', 'checkout')
  const body = bodies[call]
  const request = new Request(url, {
    method,
    ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  })
  const administrator = { subject: 'made-up', scopes: [], expiresAt: 0, grantId: null, ...who }
  try {
    await operations()[call]?.answer({ request, administrator, id: 'checkout' }, deps)
    return 'answered'
  } catch (error) {
    return error instanceof Refusal ? error.code : String(error)
  }
}

describe.each(
  Object.entries(operations()).flatMap(([call, { role }]) => (role === undefined ? [] : [{ call, role }])),
)('$call', ({ call, role }) => {
  it.each(roles.slice(0, roles.indexOf(role)))(
    `A01: is refused to a %s of the team, since the table asks for ${role}`,
    async (lesser) => {
      expect(await outcome(call, { role: lesser, team: 'checkout' })).toBe('scope_insufficient')
    },
  )

  it('A01: is refused to a team-admin of another team', async () => {
    const stranger = await outcome(call, { role: 'team-admin', team: 'search' })
    expect(stranger).toMatch(/^(?:not_found|scope_insufficient)$/)
  })

  it(`is not refused for their role to who is ${role}`, async () => {
    expect(await outcome(call, { role, team: 'checkout' })).toMatch(
      /^(?:Error: reached|request_invalid|not_found)$/,
    )
  })
})
