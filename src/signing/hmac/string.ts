/** The string that is signed: parts in order, each ending where the next begins. */
import { type Bytes, concatBytes, hex, utf8 } from '../../core/bytes.ts'
import { Refusal } from '../../core/problems.ts'
import { readOptions } from '../options.ts'
import type { BodyNeed, ReportFault } from '../scheme.ts'
import { algorithmNames, algorithms, encodingNames, encodings } from './algorithms.ts'
import { type Part, parsePart, type Written } from './parts.ts'
import { separate } from './separation.ts'
import type { Sheet } from './sheet.ts'

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

export function parseString(input: unknown, path: string, fault: ReportFault): SignedString {
  if (!Array.isArray(input) || input.length === 0) {
    fault(path, 'must be a list of parts that is not empty')
    return compose([], new Set())
  }
  const kinds = new Set<string>()
  const parts = input.flatMap((one: unknown, index) => {
    const at = `${path}[${index}]`
    const parsed = parsePartOrDigest(one, at, { fault, kinds })
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

function parsePartOrDigest(input: unknown, at: string, { fault, kinds }: ParseContext): Part | null {
  const below: ReportFault = (path, message) => fault(path === '' ? at : `${at}.${path}`, message)
  if (typeof input !== 'object' || input === null || !('part' in input) || input.part !== 'digest')
    return parsePart(input, below)
  const options = readOptions(input as Readonly<Record<string, unknown>>, below)
  options.raw('part')
  const algorithm = options.choice('algorithm', algorithmNames)
  const encoding = options.choice('encoding', [...encodingNames, 'raw'])
  const inner = parseString(options.raw('of'), `${at}.of`, fault)
  options.done()
  for (const kind of inner.kinds) kinds.add(kind)
  return {
    kind: 'digest',
    shape: { extent: 'sized', first: null, mayBeEmpty: false, name: 'the digest' },
    bodyNeed: inner.bodyNeed,
    write: async (sheet) => {
      const bytes = await algorithms[algorithm].digest(await inner.write(sheet))
      return encoding === 'raw' ? bytes : encodings[encoding].encode(bytes)
    },
  }
}

function compose(parts: readonly BoundedPart[], kinds: ReadonlySet<string>): SignedString {
  return {
    bodyNeed: widestNeed(parts),
    kinds,
    write: (sheet) => {
      // Most strings are all text; they are joined as they are written.
      let text = ''
      for (const part of parts) {
        const written = part.write(sheet)
        if (typeof written !== 'string') return writeMixed(parts, sheet)
        if (part.excluded !== null) checkContent(part, written)
        text += written
      }
      return utf8(text)
    },
    show: async (sheet) => (await writeParts(parts, sheet)).map(shown).join(''),
  }
}

function writeMixed(parts: readonly BoundedPart[], sheet: Sheet): Bytes | Promise<Bytes> {
  const written = writeParts(parts, sheet)
  return written instanceof Promise ? written.then(joined) : joined(written)
}

function widestNeed(parts: readonly Part[]): BodyNeed {
  const needs = parts.map(({ bodyNeed }) => bodyNeed)
  return needs.includes('bytes') ? 'bytes' : needs.includes('sha256') ? 'sha256' : 'none'
}

function writeParts(
  parts: readonly BoundedPart[],
  sheet: Sheet,
): readonly Written[] | Promise<readonly Written[]> {
  let waits = false
  const written = parts.map((part) => {
    const text = part.write(sheet)
    if (text instanceof Promise) waits = true
    else checkContent(part, text)
    return text
  })
  return waits ? Promise.all(written) : (written as readonly Written[])
}

/** Only texts are free and followed: bodies come last, and digests have their length. */
function checkContent({ excluded, shape }: BoundedPart, written: Written): void {
  if (excluded === null) return
  if (excluded.test(typeof written === 'string' ? written : latin1(written)))
    throw new Refusal('request_invalid', {
      detail: `The signature of this upstream cannot tell where ${shape.name} ends: it holds a separator.`,
    })
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
