/**
 * Peak memory while 50 bodies of 10 MB are uploaded at once, each Worker in a process of its own: after its first
 * calls, and after thousands of them, as a process that serves has it.
 *
 * A peak has two parts. Private memory (heap, buffers, stacks) is the process's own. The pages of the runtime's
 * binary are mapped from one file, 64 KiB around each function that ran once: who uses more of the runtime (objects,
 * SQLite, WebCrypto, V8's optimising compiler) counts more of them, though processes share them and the system may
 * drop them at any time. Both are shown; the private part is what an isolate costs. The minimal Worker (workers/minimal.js)
 * shows how much of either the duties of a call take by themselves.
 *
 * In a fresh process the mapped part depends on chance: the compiler alone brings 3 MB when the first small function
 * has been called some hundred times, which is about as often as 60 calls of a proxy do. In a warm one most of the
 * private part, of the pass-through too, are objects of the runtime that wait for the first full collection.
 */
import { createHash, randomBytes } from 'node:crypto'
import type { TestIssuer } from '../test/raw/harness/identity.ts'
import { type RunOptions, startWorkerd } from '../test/raw/harness/workerd.ts'
import { request } from './candidates.ts'
import { type Memory, memoryOf, onProxyCore, type Traffic } from './processes.ts'
import { median } from './windows.ts'

export interface MemoryRow {
  /** GETs that were answered before the uploads came. */
  readonly callsBefore: number
  readonly candidate: string
  /** MB before the uploads: what program, configuration and objects take. All are medians over the runs. */
  readonly idle: number
  /** MB, pages of the binary included, and without them. */
  readonly peak: number
  readonly privatePeak: number
  /** Both peaks over those of the bare pass-through after as many calls. */
  readonly overPassThrough: number
  readonly privateOverPassThrough: number
  /** The peak over that of a pass-through beside the same objects, one of which has written a row. */
  readonly overPassThroughWithObjects: number
  readonly statuses: Readonly<Record<number, number>>
}

const uploads = 50
const uploadBytes = 10_000_000
/** A process that has just started, and one whose code V8 has optimised. */
const callsBefore = [10, 3_000]

interface MemoryOptions {
  readonly passThrough: RunOptions
  readonly passThroughWithObjects: RunOptions
  readonly minimal: RunOptions
  readonly countersign: RunOptions
  readonly issuer: TestIssuer
  readonly traffic: Traffic
  readonly runs: number
}

interface Uploader {
  readonly candidate: string
  readonly run: RunOptions
  /** Name of a set of requests. */
  readonly name: string
}

interface Taken {
  readonly idle: Memory
  readonly after: Memory
  readonly statuses: Readonly<Record<number, number>>
}

export const measureMemory = async (options: MemoryOptions): Promise<readonly MemoryRow[]> => {
  const { passThrough, passThroughWithObjects, minimal, countersign, traffic } = options
  await defineUploads(options)
  const uploaders: readonly Uploader[] = [
    { candidate: 'pass-through', run: passThrough, name: 'upload' },
    { candidate: 'pass-through with objects', run: passThroughWithObjects, name: 'upload' },
    { candidate: 'minimal, by hand, client digest', run: minimal, name: 'upload digest' },
    { candidate: 'Countersign, client digest', run: countersign, name: 'upload digest' },
    { candidate: 'Countersign, without digest (refused)', run: countersign, name: 'upload' },
  ]
  const rows: MemoryRow[] = []
  for (const calls of callsBefore) {
    const taken = uploaders.map((uploader) => ({ uploader, runs: [] as Taken[] }))
    for (let round = 0; round < options.runs; round += 1) {
      for (const { uploader, runs } of taken) runs.push(await uploadOnce(uploader, calls, traffic))
    }
    rows.push(...rowsOf(taken, calls))
  }
  return rows
}

const defineUploads = async ({ issuer, traffic }: MemoryOptions): Promise<void> => {
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
}

const uploadOnce = async ({ run, name }: Uploader, calls: number, traffic: Traffic): Promise<Taken> => {
  await using worker = await startWorkerd({ ...run, commandPrefix: onProxyCore })
  const load = { name, port: worker.port, connections: uploads, millis: 60_000, requests: uploads }
  await traffic.run({ ...load, name: 'get', connections: calls > 100 ? 32 : 1, requests: calls })
  const idle = memoryOf(worker.pid)
  const { statuses } = await traffic.run(load)
  return { idle, after: memoryOf(worker.pid), statuses }
}

const rowsOf = (
  taken: readonly { readonly uploader: Uploader; readonly runs: readonly Taken[] }[],
  calls: number,
): readonly MemoryRow[] => {
  const plain = taken.map(({ uploader: { candidate }, runs }) => ({
    candidate,
    idle: median(runs.map(({ idle }) => idle.peak)),
    peak: median(runs.map(({ after }) => after.peak)),
    privatePeak: median(runs.map(({ after }) => after.peak - after.mapped)),
    statuses: runs.at(-1)?.statuses ?? {},
  }))
  const [bare, withObjects] = plain
  return plain.map((row) => ({
    ...row,
    callsBefore: calls,
    overPassThrough: row.peak / (bare?.peak ?? Number.NaN),
    privateOverPassThrough: row.privatePeak / (bare?.privatePeak ?? Number.NaN),
    overPassThroughWithObjects: row.peak / (withObjects?.peak ?? Number.NaN),
  }))
}
