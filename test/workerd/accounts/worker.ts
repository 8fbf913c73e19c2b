/** A Worker with nothing but the account, its limits and a clock that tests move. */
import { teamAccount } from '../../../src/accounts/team-account.ts'
import type { Limit } from '../../../src/core/configuration.ts'

const limit = (name: string, requests: number, perMillis: number): Limit => ({
  name,
  requests,
  perMillis,
  per: `${perMillis / 1_000}s`,
  burst: requests,
  upstream: null,
  methods: null,
  mode: 'enforce',
})

const limits = [limit('all', 100, 86_400_000)]
const trial: Limit = { ...limit('trial', 5, 86_400_000), mode: 'observe' }

export const clock = { offset: 0 }
export const logged: string[] = []

export class TeamAccount extends teamAccount({
  configOf: (team) =>
    team.startsWith('unknown')
      ? null
      : { limits: team.startsWith('observed') ? [...limits, trial] : limits, rollupMinutes: 15 },
  now: () => Date.now() + clock.offset,
  log: (line) => logged.push(line),
}) {}

export default { fetch: () => new Response('accounts') }
