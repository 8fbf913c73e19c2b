import { describe, expect, it } from 'vitest'
import { parseConfig } from '../../src/config/parse.ts'
import { claimCharsMax } from '../../src/core/limits.ts'
import { provenByGrant, readPerson } from '../../src/tokens/people.ts'

const parsed = parseConfig(
  {
    url: 'https://edge.test',
    upstreams: {},
    teams: { checkout: { grants: {} }, search: { grants: {} } },
  },
  { signingKeys: true },
)
if ('faults' in parsed) throw new Error(JSON.stringify(parsed.faults))
const { teams } = parsed.config
const rules = {
  team: { claim: 'team', map: null },
  role: {
    claim: 'role',
    map: new Map([
      ['ops', 'admin'],
      ['lead', 'team-admin'],
    ] as const),
  },
}
const person = (claims: object) => readPerson({ sub: 'ada', team: 'checkout', ...claims }, rules, teams)

describe('a person', () => {
  it('is a member of the team that the claim names', () => {
    expect(person({})).toEqual({ subject: 'signin/ada', team: 'checkout', role: 'member' })
  })

  it.each([
    ['lead', 'team-admin'],
    ['ops', 'admin'],
    ['admin', 'member'],
    [['staff', 'lead', 'ops'], 'admin'],
    [[], 'member'],
    [{ ops: true }, 'member'],
    ['__proto__', 'member'],
  ])('with the role claim %j is %s', (role, expected) => {
    expect(person({ role })?.role).toBe(expected)
  })

  it.each([['unknown'], [['checkout']], [['checkout', 'search']], [undefined], [7], ['__proto__']])(
    'with the team claim %j is nobody, unless an admin',
    (team) => {
      expect(person({ team })).toBeNull()
      expect(person({ team, role: 'ops' })).toEqual({ subject: 'signin/ada', team: null, role: 'admin' })
    },
  )

  it.each([[''], [undefined], [7], ['a\nb'], ['a\u202eb'], ['a'.repeat(claimCharsMax)]])(
    'with the sub %j is nobody',
    (sub) => {
      expect(person({ sub })).toBeNull()
    },
  )

  it('takes no claim from the prototype', () => {
    const claims = Object.create({ team: 'checkout', role: 'ops' }) as object
    expect(readPerson(Object.assign(claims, { sub: 'ada' }), rules, teams)).toBeNull()
  })
})

describe('what a login proves', () => {
  const grant = { id: 'refresh:1', subject: 'signin/ada', team: 'checkout', expiresAt: 9_000 }
  const ada = { subject: 'signin/ada', team: 'checkout', role: 'member' } as const

  it('is nothing when its owner left or moved', () => {
    expect(provenByGrant({ ...grant, person: null }, null, teams)).toBeNull()
    expect(provenByGrant({ ...grant, person: { ...ada, team: 'search' } }, null, teams)).toBeNull()
    expect(provenByGrant({ ...grant, person: { ...ada, team: null } }, null, teams)).toBeNull()
  })

  it('is what was approved, with the role of now, until the login ends', () => {
    expect(provenByGrant({ ...grant, person: ada }, ['orders:*'], teams)).toEqual({
      subject: 'signin/ada',
      team: 'checkout',
      role: 'member',
      scopes: ['orders:*'],
      grantId: 'refresh:1',
      notAfter: 9,
    })
  })
})
