import { Failure } from './failure.ts'

/** Why there is no connection: exit, what to say, what to do. Codes are those of Node, OpenSSL and its HTTP parser. */
const reasons: readonly (readonly [
  codes: RegExp,
  exit: 'failure' | 'tryAgain',
  said: string,
  hint: string,
])[] = [
  [/^ECONNREFUSED$/, 'tryAgain', 'nothing listens there', 'Is the address right, and is it running?'],
  [
    /^(ENOTFOUND|EAI_AGAIN)$/,
    'tryAgain',
    'its name is not known here',
    'Is the address right, and is there a network?',
  ],
  [
    /^(ECONNRESET|EPIPE|UND_ERR_SOCKET|ERR_STREAM_PREMATURE_CLOSE|HPE_.*|Z_.*)$/,
    'tryAgain',
    'the connection broke',
    'Try again.',
  ],
  [/^EMSGSIZE$/, 'failure', 'its answer is too large', 'Is it a Countersign?'],
  [/TIMEOUT|^ETIMEDOUT$/i, 'tryAgain', 'it did not answer in time', 'Try again.'],
  [/^(ENETUNREACH|EHOSTUNREACH|EADDRNOTAVAIL)$/, 'tryAgain', 'there is no way to it', 'Is there a network?'],
  [
    /^CERT_(HAS_EXPIRED|NOT_YET_VALID)$/,
    'failure',
    'its certificate is not valid at this time',
    'Nothing was sent. Is the clock of this machine right?',
  ],
  [
    /CERT|SELF_SIGNED|UNABLE_TO_|ALTNAME/,
    'failure',
    'its certificate is not trusted',
    'Nothing was sent. If your company signs its own certificates, set NODE_EXTRA_CA_CERTS to their file.',
  ],
  [
    /^(ERR_SSL|EPROTO)/,
    'failure',
    'it does not speak TLS',
    'Is the address right? Plain http is for this machine only.',
  ],
]

/** What a failed request means to a person. */
export function networkFailure(origin: string, error: unknown): Failure {
  if (error instanceof Failure) return error
  const code = codeOf(error)
  const [, exit = 'tryAgain', said = code, hint = 'Try again.'] =
    reasons.find(([codes]) => codes.test(code)) ?? []
  return new Failure(exit, `${origin} cannot be reached: ${said}.`, { hint, code: 'unreachable' })
}

/** The code stands at the error, its cause, or (several addresses were tried) the first of its causes. */
function codeOf(error: unknown): string {
  const { cause, name, code, errors } = Object(error)
  if (cause !== undefined) return codeOf(cause)
  if (typeof code === 'string') return code
  return Array.isArray(errors) && errors.length > 0 ? codeOf(errors[0]) : String(name)
}
