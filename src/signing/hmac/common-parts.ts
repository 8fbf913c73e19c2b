/** The parts that a signed string, a header and a query parameter may all have, and how parts are read. */
import { isJsonObject } from '../../core/json.ts'
import { own } from '../../core/table.ts'
import { OptionReader } from '../options.ts'
import type { BodyNeed, ReportFault } from '../scheme.ts'
import { algorithmNames, encodingNames, encodings } from './algorithms.ts'
import { bodyDigest, type Sheet, timestamp } from './sheet.ts'

export interface CommonPart {
  readonly bodyNeed: BodyNeed
  readonly write: (sheet: Sheet) => string | Promise<string>
}

export const commonParts = {
  'key-id': (): CommonPart => ({ bodyNeed: 'none', write: ({ keyId }) => keyId }),
  nonce: (): CommonPart => ({ bodyNeed: 'none', write: ({ nonce }) => nonce() }),
  timestamp: (options: OptionReader): CommonPart => {
    const as = options.choice('as', ['seconds', 'millis', 'iso', 'iso-seconds'])
    return { bodyNeed: 'none', write: ({ now }) => timestamp(now, as) }
  },
  'body-digest': (options: OptionReader): CommonPart => {
    const algorithm = options.choice('algorithm', algorithmNames)
    const encode = encodings[options.choice('encoding', encodingNames)]
    return {
      bodyNeed: algorithm === 'sha256' ? 'sha256' : 'bytes',
      write: ({ request }) => {
        const digest = bodyDigest(request.body, algorithm)
        return digest instanceof Promise ? digest.then(encode) : encode(digest)
      },
    }
  },
}

type PartReader<Part> = (options: OptionReader, fault: ReportFault) => Part

/** `{ part: kind, ... }` by the reader of its kind; null after a fault. */
export function readPart<Part>(
  input: unknown,
  readers: Readonly<Record<string, PartReader<Part>>>,
  fault: ReportFault,
): Part | null {
  const fields = isJsonObject(input) ? input : {}
  const kind = fields['part']
  const read = typeof kind === 'string' ? own(readers, kind) : undefined
  if (read === undefined) {
    fault('part', `must be one of ${Object.keys(readers).join(', ')}`)
    return null
  }
  const options = new OptionReader(fields, fault)
  options.raw('part')
  const part = read(options, fault)
  options.done()
  return part
}
