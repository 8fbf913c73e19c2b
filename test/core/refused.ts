import { Refusal } from '../../src/core/problems.ts'

/** The refusal that something ends in, thrown or rejected; fails the test by throwing when there is none. */
export const refusalOf = async (work: () => unknown): Promise<Refusal> => {
  try {
    await work()
  } catch (thrown) {
    if (thrown instanceof Refusal) return thrown
    throw thrown
  }
  throw new Error('was not refused')
}

/** The code of a refusal that is thrown at once; `null` when there is none. */
export const codeOf = (work: () => unknown): string | null => {
  try {
    work()
    return null
  } catch (thrown) {
    if (thrown instanceof Refusal) return thrown.code
    throw thrown
  }
}
