import type { Accounts, Admission } from './accounts.ts'

/** Stands in until the wallet is there: admits everything and books nothing. Not to be deployed. */
export const unmetered: Accounts = {
  admit: (permit) => {
    const dispatch = { settle: () => {} }
    return {
      permit,
      commit: () => dispatch,
      renew: () => Promise.resolve(),
      release: () => {},
      rateLimit: () => null,
    } as unknown as Admission
  },
  refused: () => {},
}
