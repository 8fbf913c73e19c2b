/** Headers and query parameters that a recipe sets. */

import type { Secret } from '../../core/redact.ts'
import { own, table } from '../../core/table.ts'
import { headerNameFault, type OptionReader, readOptions } from '../options.ts'
import type { Pair } from '../query-string.ts'
import type { BodyNeed, ReportFault } from '../scheme.ts'
import { encodings } from './algorithms.ts'
import { readDigest } from './parts.ts'
import { bodyDigest, type Sheet, timestamp } from './sheet.ts'

/** What is known after signing. */
export interface Signed {
  readonly signature: string
  readonly passphrase: Secret
}

type PlacedWriter = (sheet: Sheet, signed: Signed) => string | Promise<string>

export interface Placement {
  readonly name: string
  readonly kinds: ReadonlySet<string>
  readonly bodyNeed: BodyNeed
  readonly write: PlacedWriter
}

interface PlacedRow {
  readonly write: PlacedWriter
  readonly bodyNeed?: BodyNeed
}

const placedReaders: Readonly<Record<string, (options: OptionReader) => PlacedRow>> = table({
  signature: () => ({ write: (_sheet, { signature }) => signature }),
  passphrase: () => ({ write: (_sheet, { passphrase }) => passphrase.reveal() }),
  'key-id': () => ({ write: ({ keyId }) => keyId }),
  nonce: () => ({ write: ({ nonce }) => nonce() }),
  timestamp: (options) => {
    const as = options.choice('as', ['seconds', 'millis', 'iso', 'iso-seconds'])
    return { write: ({ now }) => timestamp(now, as) }
  },
  'body-digest': (options) => {
    const { algorithm, encoding } = readDigest(options)
    const { encode } = encodings[encoding]
    return {
      write: ({ request }) => {
        const digest = bodyDigest(request.body, algorithm)
        return digest instanceof Promise ? digest.then(encode) : encode(digest)
      },
      bodyNeed: algorithm === 'sha256' ? 'sha256' : 'bytes',
    }
  },
})

/** `{ name: [part, ...] }`; undefined is none. */
export function parsePlacements(
  input: unknown,
  where: 'headers' | 'query',
  fault: ReportFault,
): readonly Placement[] {
  if (input === undefined) return []
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    fault(where, 'must be names with lists of parts')
    return []
  }
  return Object.entries(input).map(([name, value]) => {
    const at = `${where}.${name}`
    const lower = name.toLowerCase()
    const problem = where === 'headers' ? headerNameFault(lower) : queryNameFault(name)
    if (problem !== null) fault(at, problem)
    const placement = parsePlacement(where === 'headers' ? lower : name, value, (path, message) =>
      fault(`${at}${path}`, message),
    )
    if (where === 'query' && placement.kinds.has('passphrase'))
      fault(at, 'a passphrase goes into a header: URLs are logged on their way')
    return placement
  })
}

/** Names that stand in a URL as they are, so that nothing has to be said about their encoding. */
function queryNameFault(name: string): string | null {
  return /^[\w.~-]{1,64}$/.test(name) ? null : 'must have letters, digits, - . _ and ~ only'
}

function parsePlacement(name: string, input: unknown, fault: ReportFault): Placement {
  const kinds = new Set<string>()
  const rows = parseTemplate(input, kinds, fault)
  const needs = rows.map(({ bodyNeed }) => bodyNeed)
  return {
    name,
    kinds,
    bodyNeed: needs.includes('bytes') ? 'bytes' : needs.includes('sha256') ? 'sha256' : 'none',
    write: writerOf(rows),
  }
}

function writerOf(rows: readonly PlacedRow[]): PlacedWriter {
  const [only] = rows
  if (only !== undefined && rows.length === 1) return only.write
  return (sheet, signed) => {
    let text = ''
    for (const { write } of rows) {
      const written = write(sheet, signed)
      if (typeof written !== 'string')
        return Promise.all(rows.map((row) => row.write(sheet, signed))).then((all) => all.join(''))
      text += written
    }
    return text
  }
}

/** Names with their values, in order. Only a digest of a body makes them wait. */
export function writePlacements(
  placements: readonly Placement[],
  sheet: Sheet,
  signed: Signed,
): readonly Pair[] | Promise<readonly Pair[]> {
  const pairs: Pair[] = []
  for (const { name, write } of placements) {
    const written = write(sheet, signed)
    if (typeof written !== 'string') return waitForAll(placements, sheet, signed)
    pairs.push([name, written])
  }
  return pairs
}

function waitForAll(
  placements: readonly Placement[],
  sheet: Sheet,
  signed: Signed,
): Promise<readonly Pair[]> {
  return Promise.all(placements.map(async ({ name, write }) => [name, await write(sheet, signed)] as const))
}

function parseTemplate(input: unknown, kinds: Set<string>, fault: ReportFault): readonly PlacedRow[] {
  if (!Array.isArray(input) || input.length === 0) {
    fault('', 'must be a list of parts that is not empty')
    return []
  }
  return input.flatMap((one: unknown, index): readonly PlacedRow[] => {
    const below: ReportFault = (path, message) => fault(`[${index}]${path === '' ? '' : `.${path}`}`, message)
    if (typeof one === 'string') {
      if (!/^[\x20-\x7e]+$/.test(one)) below('', 'must be visible ASCII')
      return [{ write: () => one }]
    }
    const fields = (typeof one === 'object' ? one : null) as Readonly<Record<string, unknown>> | null
    const kind = fields?.['part']
    const read = typeof kind === 'string' ? own(placedReaders, kind) : undefined
    if (fields === null || read === undefined) {
      below('part', `must be one of ${Object.keys(placedReaders).join(', ')}`)
      return []
    }
    kinds.add(String(kind))
    const options = readOptions(fields, below)
    options.raw('part')
    const parsed = read(options)
    options.done()
    return [parsed]
  })
}
