import { readTextAtMost } from '../core/bounded-text.ts'
import type { Upstream } from '../core/configuration.ts'
import { refusalBytesMax, refusalReadMillis } from '../core/limits.ts'
import { Refusal } from '../core/problems.ts'
import { within } from '../core/within.ts'
import { setTimer } from './timer.ts'

/**
 * Whether an answer says that the credential is unknown or revoked, by the upstream's own rule: a status and, where
 * given, one of its error codes in a `code` or `error` of the JSON body. The answer stays readable.
 * Rejects with Refusal `upstream_unreachable` when its body breaks.
 */
export async function refusesKey(
  answer: Response,
  { status, codes }: NonNullable<Upstream['keyRefused']>,
): Promise<boolean> {
  if (answer.status !== status) return false
  if (codes.length === 0) return true
  const text = await inTime(readTextAtMost(answer.clone().body, refusalBytesMax))
  return text !== null && codesIn(text).some((code) => codes.includes(code))
}

/** The text; null when it does not come, which must not hold up the answer. One that broke cannot be passed on. */
async function inTime(reading: Promise<string | null>): Promise<string | null> {
  try {
    return await within(refusalReadMillis, reading, setTimer)
  } catch {
    throw new Refusal('upstream_unreachable', { detail: 'The answer of the upstream broke off.' })
  }
}

/** Wherever in the body they stand: errors come alone, in an envelope, or in a list. */
function codesIn(text: string): readonly string[] {
  const found: string[] = []
  try {
    JSON.parse(text, (name, value: unknown) => {
      if ((name === 'code' || name === 'error') && typeof value === 'string') found.push(value)
      return value
    })
  } catch {
    return []
  }
  return found
}
