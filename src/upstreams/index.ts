/** The catalogue. Adding an API: its file, its line here, its vectors. */
export { onepin } from './onepin.ts'
export { plexicus } from './plexicus.ts'
export { pluggedin } from './pluggedin.ts'
export { plugipay } from './plugipay.ts'
