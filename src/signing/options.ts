import type { ReportFault } from './scheme.ts'

/** Unknown means refuse: a misspelt option must not silently fall back to a default. */
export const refuseUnknownOptions = (
  input: Readonly<Record<string, unknown>>,
  known: readonly string[],
  fault: ReportFault,
): void => {
  for (const name of Object.keys(input)) {
    if (name !== 'scheme' && !known.includes(name)) {
      fault(
        name,
        known.length > 0 ? `unknown option; known are ${known.join(', ')}` : 'this scheme has no options',
      )
    }
  }
}
