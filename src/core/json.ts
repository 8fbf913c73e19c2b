/** JSON objects as they come from outside: nothing is known of their members. */

export type JsonObject = Readonly<Record<string, unknown>>

/** Whether it is an object as JSON has them: no list, not null. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** null when the text is no JSON object. JSON.parse repeats what it cannot read in its message: here it does not. */
export function parseJsonObject(text: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(text)
    return isJsonObject(value) ? value : null
  } catch {
    return null
  }
}
