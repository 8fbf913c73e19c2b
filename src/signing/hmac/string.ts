/** The string that is signed: parts in order, each ending where the next begins. */
import { type Bytes, concatBytes, hex, utf8 } from '../../core/bytes.ts'
import { requestInvalid } from '../../core/problems.ts'
import type { OptionReader } from '../options.ts'
import { type BodyNeed, type ReportFault, widestNeed } from '../scheme.ts'
import { algorithmNames, algorithms, encodingNames, encodings } from './algorithms.ts'
import { readPart } from './common-parts.ts'
import { type Part, parseLiteral, partReaders, type Written } from './parts.ts'
import { separate } from './separation.ts'
import { combined, type Sheet } from './sheet.ts'

export interface SignedString {
  readonly bodyNeed: BodyNeed
  /** Kinds of its parts, those inside of digests too. */
  readonly kinds: ReadonlySet<string>
  readonly write: (sheet: Sheet) => Bytes | Promise<Bytes>
  /** For people: bytes that are not text (raw digests) in hex between angle brackets. */
  readonly show: (sheet: Sheet) => Promise<string>
}

interface BoundedPart extends Part {
  /** What the content must not hold, because the next part could begin so. */
  readonly excluded: RegExp | null
}

/** Parses a recipe's list of parts and reports every fault of it; `path`: where the list stands in `sign`. */
export function parseString(input: unknown, path: string, fault: ReportFault): SignedString {
  if (!Array.isArray(input) || input.length === 0) {
    fault(path, 'must be a list of parts that is not empty')
    return compose([], new Set())
  }
  const kinds = new Set<string>()
  const parts = input.flatMap((one: unknown, index) => {
    const at = `${path}[${index}]`
    const parsed = parsePart(one, at, { fault, kinds })
    if (parsed !== null) kinds.add(parsed.kind)
    return parsed ?? []
  })
  const { excluded, faults } = separate(parts.map(({ shape }) => shape))
  if (parts.length === input.length) for (const message of faults) fault(path, message)
  return compose(
    parts.map((part, index) => ({ ...part, excluded: excluded[index] ?? null })),
    kinds,
  )
}

interface ParseContext {
  readonly fault: ReportFault
  readonly kinds: Set<string>
}

function parsePart(input: unknown, at: string, { fault, kinds }: ParseContext): Part | null {
  const below: ReportFault = (path, message) => fault(path === '' ? at : `${at}.${path}`, message)
  if (typeof input === 'string') return parseLiteral(input, below)
  // Holds parts itself.
  const digest = (options: OptionReader): Part => {
    const algorithm = options.choice('algorithm', algorithmNames)
    const encoding = options.choice('encoding', [...encodingNames, 'raw'])
    const inner = parseString(options.raw('of'), `${at}.of`, fault)
    for (const kind of inner.kinds) kinds.add(kind)
    return {
      kind: 'digest',
      shape: { extent: 'sized', first: null, mayBeEmpty: false, name: 'the digest' },
      bodyNeed: inner.bodyNeed,
      write: async (sheet) => {
        const bytes = await algorithms[algorithm].digest(await inner.write(sheet))
        return encoding === 'raw' ? bytes : encodings[encoding](bytes)
      },
    }
  }
  return readPart<Part>(input, { ...partReaders, digest }, below)
}

function compose(parts: readonly BoundedPart[], kinds: ReadonlySet<string>): SignedString {
  return {
    bodyNeed: widestNeed(parts),
    kinds,
    write: (sheet) => writeParts(parts, sheet, joined),
    show: async (sheet) => writeParts(parts, sheet, (written) => written.map(shown).join('')),
  }
}

function writeParts<Result>(
  parts: readonly BoundedPart[],
  sheet: Sheet,
  combine: (written: readonly Written[]) => Result,
): Result | Promise<Result> {
  const written = parts.map((part) => {
    const text = part.write(sheet)
    if (!(text instanceof Promise)) checkContent(part, text)
    return text
  })
  return combined(written, combine)
}

/** Only texts are free and followed: bodies come last, and digests have their length. */
function checkContent({ excluded, shape }: BoundedPart, written: Written): void {
  if (excluded === null) return
  if (excluded.test(typeof written === 'string' ? written : latin1(written)))
    throw requestInvalid(
      `The signature of this upstream cannot tell where ${shape.name} ends: it holds a separator.`,
    )
}

function latin1(bytes: Bytes): string {
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return text
}

function joined(written: readonly Written[]): Bytes {
  let text = ''
  const chunks: Bytes[] = []
  for (const one of written) {
    if (typeof one === 'string') {
      text += one
      continue
    }
    if (text !== '') chunks.push(utf8(text))
    text = ''
    chunks.push(one)
  }
  if (chunks.length === 0) return utf8(text)
  if (text !== '') chunks.push(utf8(text))
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : concatBytes(chunks)
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function shown(written: Written): string {
  if (typeof written === 'string') return written
  try {
    return strict.decode(written)
  } catch {
    return `<${hex(written)}>`
  }
}
