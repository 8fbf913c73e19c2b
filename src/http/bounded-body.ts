import { concatBytes } from '../core/bytes.ts'
import { oauthBodyBytesMax } from '../core/limits.ts'
import { malformed, Refusal } from '../core/problems.ts'

/**
 * The body of a request to one of our own endpoints, as UTF-8 text of at most `bytesMax` bytes; read no further than
 * that. Throws Refusal: body_too_large, request_invalid (not UTF-8).
 */
export async function readBodyText(request: Request, bytesMax: number): Promise<string> {
  if (request.body === null) return ''
  const declared = Number(request.headers.get('content-length') ?? 0)
  if (declared > bytesMax) throw tooLarge(bytesMax)
  const chunks: Uint8Array[] = []
  let bytes = 0
  // Throwing inside of the loop cancels the stream.
  for await (const chunk of request.body) {
    bytes += chunk.length
    if (bytes > bytesMax) throw tooLarge(bytesMax)
    chunks.push(chunk)
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(concatBytes(chunks))
  } catch {
    throw malformed('the body', 'UTF-8')
  }
}

/** The text of a form, bounded like all bodies of our endpoints; null for another media type. Throws Refusal. */
export async function readFormText(request: Request): Promise<string | null> {
  return mediaTypeOf(request.headers) === 'application/x-www-form-urlencoded'
    ? readBodyText(request, oauthBodyBytesMax)
    : null
}

/** The media type without its parameters, in lower case; `''` when none was sent. */
export function mediaTypeOf(headers: Headers): string {
  return (headers.get('content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''
}

function tooLarge(bytesMax: number): Refusal {
  return new Refusal('body_too_large', { detail: `The body may have at most ${bytesMax} bytes here.` })
}
