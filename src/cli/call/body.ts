import { createReadStream, type Stats, statSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { usageFailure } from '../failure.ts'
import { errorCode } from '../private-files.ts'
import { type OutgoingBody, textBody } from '../transport.ts'
import { type Field, fieldsToJson } from './fields.ts'

export interface CallBody extends OutgoingBody {
  /** Whether it can be sent a second time. */
  readonly replayable: boolean
  /** Where the caller names none. */
  readonly contentType: string
  /** `Content-Digest` (RFC 9530), for bodies that are too large to be read where they are signed. */
  readonly digest: () => Promise<string>
}

const contentType = 'application/json'

export function bodyOfFields(fields: readonly Field[]): CallBody {
  const text = fieldsToJson(fields)
  return { ...textBody(text), replayable: true, contentType, digest: () => sha256([text]) }
}

/** `-` is stdin, which streams as it comes. A file is not read into memory either. */
export function bodyOfInput(file: string): CallBody {
  if (file === '-') return streamBody(() => process.stdin, { bytes: null, digest: digestUnknown })
  let stats: Stats
  try {
    stats = statSync(file)
  } catch (error) {
    throw usageFailure(`${file} cannot be read: ${errorCode(error)}.`)
  }
  if (stats.isDirectory()) throw usageFailure(`${file} cannot be read: it is a directory.`)
  const open = (): Readable => createReadStream(file)
  // A pipe of the shell (`<(...)`) has no size and can be read once.
  return stats.isFile()
    ? streamBody(open, { bytes: stats.size, digest: () => sha256(open()) })
    : streamBody(open, { bytes: null, digest: digestUnknown })
}

function streamBody(open: () => Readable, { bytes, digest }: Pick<CallBody, 'bytes' | 'digest'>): CallBody {
  return {
    bytes,
    replayable: bytes !== null,
    contentType,
    sendTo: (request) => {
      const source = open()
      // An answer may come, and be the last word, before all of the body went out: that is no error.
      source.on('error', (error) => request.destroy(error))
      request.on('close', () => source.destroy())
      source.pipe(request)
    },
    digest,
  }
}

function digestUnknown(): never {
  throw usageFailure('--digest needs the whole body first; give a file to --input.')
}

async function sha256(chunks: Iterable<string> | AsyncIterable<Buffer>): Promise<string> {
  const { createHash } = await import('node:crypto')
  const hash = createHash('sha256')
  for await (const chunk of chunks) hash.update(chunk)
  return `sha-256=:${hash.digest('base64')}:`
}
