/** What `call` prints of an answer. Bodies go to stdout as they come; only a person's JSON is laid out. */
import { isUtf8 } from 'node:buffer'
import { once } from 'node:events'
import type { Context } from '../context.ts'
import { exitOfStatus } from '../exit-codes.ts'
import { Failure } from '../failure.ts'
import { answerBytesMax } from '../limits.ts'
import { ownErrorCode, problemFailure } from '../problem.ts'
import { printable } from '../redaction.ts'
import type { Answer } from '../transport.ts'

export interface AnswerOptions {
  readonly include: boolean
  readonly upstream: string
  /** The whole body is needed: to look for the next page, or for `--json`. */
  readonly keep: boolean
}

/** Prints the answer and gives its text where it was kept. Throws Failure for what is not a success. */
export async function printAnswer(
  context: Context,
  response: Answer,
  options: AnswerOptions,
): Promise<string> {
  const { terminal } = context
  if (ownErrorCode(response.headers) !== null) {
    const bytes = await response.bytes(answerBytesMax)
    if (terminal.json) terminal.printJson(envelope(response, bytes, 'countersign'))
    else if (options.include) process.stdout.write(`${head(response)}${bytes}`)
    throw problemFailure(response, String(bytes))
  }
  if (options.include && !terminal.json) process.stdout.write(head(response))
  const kept =
    options.keep || layOut(context, response) ? await response.bytes(Number.POSITIVE_INFINITY) : null
  if (kept === null) await stream(response)
  else if (terminal.json) terminal.printJson(envelope(response, kept, options.upstream))
  else if (layOut(context, response)) terminal.print(prettyJson(String(kept)))
  // One page after the other, each on lines of its own; not a byte is changed otherwise.
  else if (kept.length > 0)
    process.stdout.write(kept.at(-1) === newline ? kept : Buffer.concat([kept, Buffer.of(newline)]))

  if (response.status >= 400) throw upstreamFailure(response, options.upstream)
  const location = response.headers.get('location')
  if (response.status >= 300 && location !== null) {
    terminal.remark(`${options.upstream} answered ${response.status}: ${location} (not followed)`)
  }
  return String(kept ?? '')
}

const newline = 10

/** An upstream's own refusal: its body is data and was printed; this says whose it is. */
function upstreamFailure(response: Answer, upstream: string): Failure {
  const { status } = response
  const refused = status === 401 || status === 403
  return new Failure(exitOfStatus(status), `${upstream} answered ${status}. This is its own answer.`, {
    code: 'upstream_error',
    requestId: response.headers.get('countersign-request-id'),
    ...(refused ? { hint: 'It did not accept the key, or the key may not do this.' } : {}),
  })
}

const largeBytes = 1_048_576

/** Only a person's terminal, and only JSON that is not too large to wait for. */
function layOut({ terminal }: Context, { headers }: Answer): boolean {
  return (
    terminal.shown &&
    /^application\/(?:[\w.-]+\+)?json\b/.test(headers.get('content-type') ?? '') &&
    Number(headers.get('content-length') ?? 0) <= largeBytes
  )
}

function prettyJson(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2)
  } catch {
    return text
  }
}

/** A pipe gets the bytes and no more; a person's terminal takes no orders from them. */
async function stream({ body }: Answer): Promise<void> {
  const shown = process.stdout.isTTY ? new TextDecoder() : null
  let last = newline
  try {
    for await (const chunk of body) {
      last = chunk.at(-1) ?? last
      const out = shown === null ? chunk : printable(shown.decode(chunk, { stream: true }))
      if (!process.stdout.write(out)) await once(process.stdout, 'drain')
    }
  } finally {
    // The shell's prompt, or what broke, belongs on a line of its own.
    if (last !== newline && shown !== null) process.stdout.write('\n')
  }
}

function head(response: Answer): string {
  const lines = response.headers.entries().map(([name, value]) => `${name}: ${value}`)
  const text = `HTTP ${response.status} ${response.statusText}\n${lines.join('\n')}\n\n`
  return process.stdout.isTTY ? printable(text) : text
}

/** `bodyBase64` in place of `body` where the bytes are no text. */
function envelope(response: Answer, bytes: Buffer, answeredBy: string): object {
  const isJson = /\bjson\b/.test(response.headers.get('content-type') ?? '')
  const text = String(bytes)
  const body: unknown = isJson && text !== '' ? parseOr(text) : text
  return {
    status: response.status,
    answeredBy,
    requestId: response.headers.get('countersign-request-id'),
    headers: Object.fromEntries(response.headers.entries()),
    ...(isUtf8(bytes) ? { body } : { bodyBase64: bytes.toString('base64') }),
  }
}

function parseOr(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** Whether a new access token could help: Countersign refused this one. */
export function refusesToken(response: Answer): boolean {
  return (
    response.status === 401 && /^token_(revoked|expired|invalid)$/.test(ownErrorCode(response.headers) ?? '')
  )
}
