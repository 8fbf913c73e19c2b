/**
 * The end of a browser login on this machine (RFC 8252 section 7.3): a listener on 127.0.0.1 that takes one answer
 * and closes. What another page or program could send it (another Host, another path, a wrong state) is refused.
 */
import { timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { Failure } from '../failure.ts'

const callbackPath = '/callback'
const waitMillis = 300_000

export interface Loopback {
  /** The literal address: a name could be made to lead elsewhere. */
  readonly redirectUri: string
  /** The authorization code. Rejects with Failure when the login was refused, forged or not finished in time. */
  readonly code: Promise<string>
  readonly close: () => void
}

interface Expected {
  readonly state: string
  /** The Countersign; an answer that names another issuer, or none, is not ours (RFC 9207 section 2.4). */
  readonly issuer: string
}

export async function listen(expected: Expected): Promise<Loopback> {
  const server = createServer({ keepAlive: false })
  const port = await bind(server)
  const host = `127.0.0.1:${port}`
  const { promise: code, resolve, reject } = Promise.withResolvers<string>()
  const timer = setTimeout(() => {
    reject(new Failure('tryAgain', 'Nobody finished the login within five minutes.', { hint: 'Try again.' }))
  }, waitMillis)
  const close = (): void => {
    clearTimeout(timer)
    server.close()
    server.closeAllConnections()
  }
  let answered = false
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const url = URL.parse(`http://${host}${request.url}`)
    if (
      request.headers.host !== host ||
      url?.pathname !== callbackPath ||
      request.method !== 'GET' ||
      answered
    ) {
      page(response, 404, 'There is nothing here.')
      return
    }
    // One answer, right or wrong: whoever guesses gets a single try.
    answered = true
    const outcome = readAnswer(url.searchParams, expected)
    page(response, outcome instanceof Failure ? 400 : 200, said(outcome))
    response.once('close', () => {
      server.close()
      if (outcome instanceof Failure) reject(outcome)
      else resolve(outcome)
    })
  })
  // Whoever awaits `code` gets the rejection; until then it is not an unhandled one.
  code.catch(() => undefined)
  return { redirectUri: `http://${host}${callbackPath}`, code, close }
}

function bind(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', () =>
      reject(
        new Failure('failure', 'No port on 127.0.0.1 can be listened on.', {
          hint: 'Log in with: countersign login --device',
        }),
      ),
    )
    // Port 0: the system chooses a free one, so that nobody can wait for us on a known one.
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : 0)
    })
  })
}

function readAnswer(answer: URLSearchParams, { state, issuer }: Expected): string | Failure {
  const forged = new Failure('refused', "The browser's answer does not belong to this login.", {
    hint: 'Nothing was saved. Log in again, and use the page that this command opens.',
    code: 'state_mismatch',
  })
  if (!sameText(answer.get('state') ?? '', state)) return forged
  if (answer.get('iss') !== issuer) return forged
  const error = answer.get('error')
  if (error !== null) {
    return new Failure('refused', `The login was not approved: ${answer.get('error_description') ?? error}`, {
      code: error,
    })
  }
  return answer.get('code') ?? forged
}

function sameText(left: string, right: string): boolean {
  const [one, other] = [Buffer.from(left), Buffer.from(right)]
  return one.length === other.length && timingSafeEqual(one, other)
}

function said(outcome: string | Failure): string {
  return outcome instanceof Failure
    ? 'The login failed. The terminal says why; you can close this page.'
    : 'You are logged in. You can close this page and go back to the terminal.'
}

/** Words of our own only: nothing that came in the request is repeated. */
function page(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    connection: 'close',
  })
  response.end(
    `<!doctype html><html lang="en"><meta charset="utf-8"><title>Countersign</title><style>body{font:1.1rem/1.5 system-ui,sans-serif;margin:20vh auto;max-width:34rem;padding:0 1rem;color-scheme:light dark}</style><h1>Countersign</h1><p>${text}</p></html>`,
  )
}
