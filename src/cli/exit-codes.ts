/** What the process ends with. `meaning` is what help and documentation say. */
export const exitCodes = {
  ok: { code: 0, meaning: 'ok' },
  failure: { code: 1, meaning: 'it failed; the text says why' },
  usage: { code: 2, meaning: 'the command line is not understood' },
  noCredential: { code: 3, meaning: 'no credential: log in, or set COUNTERSIGN_TOKEN' },
  refused: { code: 4, meaning: 'the credential was refused, or may not do this' },
  notFound: { code: 5, meaning: 'there is no such thing, or not for you' },
  tryAgain: { code: 6, meaning: 'not now: a limit, an overload or no network; try again' },
  conflict: { code: 64, meaning: 'it clashes with what is already there' },
  interrupted: { code: 130, meaning: 'interrupted' },
} as const satisfies Readonly<Record<string, { readonly code: number; readonly meaning: string }>>

export type Exit = keyof typeof exitCodes

/** The exit for an HTTP status, ours or an upstream's. */
export function exitOfStatus(status: number): Exit {
  if (status < 400) return 'ok'
  if (status === 401 || status === 403) return 'refused'
  if (status === 404 || status === 410) return 'notFound'
  if (status === 409) return 'conflict'
  return status === 429 || (status >= 502 && status <= 504) ? 'tryAgain' : 'failure'
}
