import { secretStoreReadMillis } from './limits.ts'
import { type SetTimer, within } from './within.ts'

/**
 * A secret's text: of a Worker secret, which is a string, or of a Secrets Store binding, which has `get()`. `null`: the
 * binding is there and cannot be read as text, or not in time, which must not pass for absent.
 */
export async function bindingText(binding: unknown, setTimer: SetTimer): Promise<string | null | undefined> {
  if (binding === undefined || typeof binding === 'string') return binding
  try {
    const reading = (binding as { readonly get: () => Promise<unknown> }).get()
    const text = await within(secretStoreReadMillis, reading, setTimer)
    return typeof text === 'string' ? text : null
  } catch {
    return null
  }
}
