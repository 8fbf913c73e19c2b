import { readTextAtMost } from '../core/bounded-text.ts'
import type { Upstream } from '../core/configuration.ts'
import { refusalBytesMax } from '../core/limits.ts'

/**
 * Whether an answer says that the credential is unknown or revoked, by the upstream's own rule: a status and, where
 * given, one of its error codes in the JSON body (`code`, `error`, or `error.code`). The answer stays readable.
 */
export const refusesKey = async (
  answer: Response,
  { status, codes }: NonNullable<Upstream['keyRefused']>,
): Promise<boolean> => {
  if (answer.status !== status) return false
  if (codes.length === 0) return true
  const text = await readTextAtMost(answer.clone().body, refusalBytesMax)
  return text !== null && codesIn(text).some((code) => codes.includes(code))
}

const codesIn = (text: string): readonly string[] => {
  try {
    const body: unknown = JSON.parse(text)
    if (typeof body !== 'object' || body === null) return []
    const { code, error } = body as { code?: unknown; error?: unknown }
    const inner = typeof error === 'object' && error !== null ? (error as { code?: unknown }).code : error
    return [code, inner].filter((found) => typeof found === 'string')
  } catch {
    return []
  }
}
