/**
 * How many isolates one account serves: this Worker plays them all. Each sends a sync as often as a busy isolate
 * does (700 ms), reports what it used and takes the next lease; `refused` plays those of a team over its limit
 * (every 250 ms, nothing to be had). Answers the syncs per second and how long they took.
 */
import { DurableObject } from 'cloudflare:workers'
import { teamAccount } from '../../src/accounts/team-account.ts'
import type { Limit } from '../../src/core/configuration.ts'
import type { SyncReply, SyncRequest } from '../../src/core/quota/sync.ts'

const limit = (name: string, requests: number): Limit => ({
  name,
  requests,
  perMillis: 1_000,
  per: '1s',
  burst: requests,
  upstream: null,
  methods: null,
  mode: 'enforce',
})

export class TeamAccount extends teamAccount({
  configOf: (team) => ({ limits: [limit('all', team === 'refused' ? 1 : 10_000_000)], rollupMinutes: 15 }),
  now: () => Date.now(),
  log: (line) => console.log(line),
}) {}

export class Directory extends DurableObject {}

interface Env {
  readonly ACCOUNTS: DurableObjectNamespace<TeamAccount>
}

const play = async (
  env: Env,
  { team, isolates, seconds }: { team: string; isolates: number; seconds: number },
): Promise<object> => {
  const every = team === 'refused' ? 250 : 700
  const end = Date.now() + seconds * 1_000
  const took: number[] = []
  let overloaded = 0
  const isolate = async (at: number): Promise<void> => {
    await pause((at / isolates) * every)
    let lease: { sequence: number; units: number } | null = null
    for (let sequence = 1; Date.now() < end; sequence += 1) {
      const sent = Date.now()
      const account = env.ACCOUNTS.get(env.ACCOUNTS.idFromName(`team:${team}`))
      const reply = (await account.sync(requestOf(`isolate-${at}`, sequence, lease))) as SyncReply
      took.push(Date.now() - sent)
      if (reply.overloaded) overloaded += 1
      lease = reply.leases[0] === undefined ? null : { sequence, units: reply.leases[0].units }
      await pause(Math.max(0, sent + every - Date.now()))
    }
  }
  await Promise.all(Array.from({ length: isolates }, (_, at) => isolate(at)))
  took.sort((one, other) => one - other)
  return {
    team,
    isolates,
    syncsPerSecond: Math.round(took.length / seconds),
    wanted: Math.round((isolates * 1_000) / every),
    medianMillis: took[took.length >> 1],
    p99Millis: took[Math.floor(took.length * 0.99)],
    overloaded,
  }
}

/** What a busy isolate reports: a lease mostly used, twenty rows of subjects and outcomes. */
const requestOf = (
  isolate: string,
  sequence: number,
  lease: { readonly sequence: number; readonly units: number } | null,
): SyncRequest => {
  const hour = Date.now() - (Date.now() % 3_600_000)
  const rows = Array.from({ length: lease === null ? 0 : 20 }, (_, at) => ({
    hour,
    upstream: 'upstream',
    key: 'key',
    subject: `issuer:subject-${at >> 1}`,
    outcome: at % 2 === 0 ? ('2xx' as const) : ('4xx' as const),
    requests: 4,
    bytesIn: 100,
    bytesOut: 1_000,
    millis: 40,
    lastAt: Date.now(),
  }))
  return {
    isolate,
    sequence,
    leases:
      lease === null
        ? []
        : [
            {
              sequence: lease.sequence,
              set: 'all',
              hour,
              used: Math.min(80, lease.units),
              returned: lease.units - Math.min(80, lease.units),
            },
          ],
    usage: rows,
    refused: lease === null ? [{ hour, code: 'rate_limited', requests: 10 }] : [],
    wants: [{ set: 'all', need: 1, want: 100 }],
    rulesVersion: 1,
  }
}

const pause = (millis: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, millis))

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { searchParams } = new URL(request.url)
    return Response.json(
      await play(env, {
        team: searchParams.get('team') ?? 'busy',
        isolates: Number(searchParams.get('isolates')),
        seconds: Number(searchParams.get('seconds')),
      }),
    )
  },
}
