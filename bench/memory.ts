/** Peak memory while 50 bodies of 10 MB are uploaded at once, each Worker in a fresh process. */
import { createHash, randomBytes } from 'node:crypto'
import type { TestIssuer } from '../test/raw/harness/identity.ts'
import { type RunOptions, startWorkerd } from '../test/raw/harness/workerd.ts'
import { request } from './candidates.ts'
import { onProxyCore, peakMegabytes, type Traffic } from './processes.ts'
import { median } from './windows.ts'

export interface MemoryRow {
  readonly candidate: string
  /** MB before the uploads: what program, configuration and objects take. Medians over the runs. */
  readonly idle: number
  readonly peak: number
  readonly overPassThrough: number
  readonly statuses: Readonly<Record<number, number>>
}

const uploads = 50
const uploadBytes = 10_000_000

interface MemoryOptions {
  readonly passThrough: RunOptions
  readonly countersign: RunOptions
  readonly issuer: TestIssuer
  readonly traffic: Traffic
  readonly runs: number
}

export const measureMemory = async (options: MemoryOptions): Promise<readonly MemoryRow[]> => {
  const { passThrough, countersign, issuer, traffic, runs } = options
  const token = issuer.token({ team: 'bench', scope: 'plugipay:customer:*' })
  const body = randomBytes(uploadBytes)
  const digest = `sha-256=:${createHash('sha256').update(body).digest('base64')}:`
  const upload = (headers: readonly (readonly [string, string])[]) =>
    request('POST', '/plugipay/api/v1/customers', token, body, [
      ['content-type', 'application/octet-stream'],
      ['content-length', String(body.length)],
      ...headers,
    ])
  await traffic.define('upload', [upload([])])
  await traffic.define('upload digest', [upload([['content-digest', digest]])])

  const candidates = [
    { candidate: 'pass-through', run: passThrough, name: 'upload' },
    { candidate: 'Countersign, client digest', run: countersign, name: 'upload digest' },
    { candidate: 'Countersign, without digest (refused)', run: countersign, name: 'upload' },
  ]
  const peaks = new Map<string, number[]>()
  const idles = new Map<string, number[]>()
  const statuses = new Map<string, Readonly<Record<number, number>>>()
  for (let round = 0; round < runs; round += 1) {
    for (const { candidate, run, name } of candidates) {
      await using worker = await startWorkerd({ ...run, commandPrefix: onProxyCore })
      const load = { name, port: worker.port, connections: uploads, millis: 60_000, requests: uploads }
      await traffic.run({ ...load, name: 'get', connections: 1, requests: 10 })
      idles.set(candidate, [...(idles.get(candidate) ?? []), peakMegabytes(worker.pid)])
      const result = await traffic.run(load)
      peaks.set(candidate, [...(peaks.get(candidate) ?? []), peakMegabytes(worker.pid)])
      statuses.set(candidate, result.statuses)
    }
  }
  const unit = median(peaks.get('pass-through') ?? [])
  return candidates.map(({ candidate }) => {
    const peak = median(peaks.get(candidate) ?? [])
    const idle = median(idles.get(candidate) ?? [])
    return { candidate, idle, peak, overPassThrough: peak / unit, statuses: statuses.get(candidate) ?? {} }
  })
}
