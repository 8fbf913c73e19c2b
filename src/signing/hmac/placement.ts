/** Headers and query parameters that a recipe sets. */
import { isJsonObject } from '../../core/json.ts'
import type { Secret } from '../../core/redact.ts'
import { table } from '../../core/table.ts'
import { headerNameFault, type OptionReader } from '../options.ts'
import type { Pair } from '../query-string.ts'
import { type BodyNeed, type ReportFault, widestNeed } from '../scheme.ts'
import { commonParts, readPart } from './common-parts.ts'
import { combined, type Sheet } from './sheet.ts'

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
  readonly bodyNeed: BodyNeed
}

const placedReaders: Readonly<Record<string, (options: OptionReader) => PlacedRow>> = table({
  signature: () => ({ bodyNeed: 'none', write: (_sheet, { signature }) => signature }),
  passphrase: () => ({ bodyNeed: 'none', write: (_sheet, { passphrase }) => passphrase.reveal() }),
  ...commonParts,
})

/** `{ name: [part, ...] }`; undefined is none. */
export function parsePlacements(
  input: unknown,
  where: 'headers' | 'query',
  fault: ReportFault,
): readonly Placement[] {
  if (input === undefined) return []
  if (!isJsonObject(input)) {
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
  const [only] = rows
  return {
    name,
    kinds,
    bodyNeed: widestNeed(rows),
    write:
      only !== undefined && rows.length === 1
        ? only.write
        : (sheet, signed) =>
            combined(
              rows.map(({ write }) => write(sheet, signed)),
              (texts) => texts.join(''),
            ),
  }
}

/** Names with their values, in order. Only a digest of a body makes them wait. */
export function writePlacements(
  placements: readonly Placement[],
  sheet: Sheet,
  signed: Signed,
): readonly Pair[] | Promise<readonly Pair[]> {
  return combined(
    placements.map(({ write }) => write(sheet, signed)),
    (texts) => placements.map(({ name }, index): Pair => [name, texts[index] ?? '']),
  )
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
      return [{ bodyNeed: 'none', write: () => one }]
    }
    const part = readPart(one, placedReaders, below)
    if (part === null) return []
    kinds.add((one as { readonly part: string }).part)
    return [part]
  })
}
