/** `countersign/client`: a `fetch` for code that calls APIs through Countersign. */
export { type CreateFetchOptions, createFetch } from './create-fetch.ts'
export { CountersignError } from './error.ts'
export type { Fetch } from './exchange.ts'
