import { createHash } from 'node:crypto'
import { openAsBlob } from 'node:fs'
import { Readable } from 'node:stream'
import { usageFailure } from '../failure.ts'
import { errorCode } from '../private-files.ts'
import { type Field, fieldsToJson } from './fields.ts'

export interface CallBody {
  readonly content: string | Blob | ReadableStream
  /** Whether it can be sent a second time. */
  readonly replayable: boolean
  /** Where the caller names none. */
  readonly contentType: string
}

export const bodyOfFields = (fields: readonly Field[]): CallBody => ({
  content: fieldsToJson(fields),
  replayable: true,
  contentType: 'application/json',
})

/** `-` is stdin, which streams as it comes. A file is not read into memory either. */
export const bodyOfInput = async (file: string): Promise<CallBody> => {
  const contentType = 'application/json'
  if (file === '-') {
    return { content: Readable.toWeb(process.stdin) as ReadableStream, replayable: false, contentType }
  }
  try {
    return { content: await openAsBlob(file), replayable: true, contentType }
  } catch (error) {
    throw usageFailure(`${file} cannot be read: ${errorCode(error) || 'it is not a file'}.`)
  }
}

/** `Content-Digest` (RFC 9530), for bodies that are too large to be read where they are signed. */
export const contentDigest = async ({ content }: CallBody): Promise<string> => {
  if (content instanceof ReadableStream) {
    throw usageFailure('--digest needs the whole body first; give a file to --input.')
  }
  const hash = createHash('sha256')
  if (typeof content === 'string') hash.update(content)
  else for await (const chunk of content.stream()) hash.update(chunk)
  return `sha-256=:${hash.digest('base64')}:`
}
