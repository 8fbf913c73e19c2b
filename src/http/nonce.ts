import { hex } from '../core/bytes.ts'

/**
 * Random hexadecimal text from a pool, because one call for 4 KiB costs the runtime about as much as one for
 * 16 bytes. Filled at the first use: a Worker has no randomness before its first request.
 */
const poolBytes = 4_096

/** Returns a function that gives 32 fresh hexadecimal digits (128 bits) at every call. */
export function createNonce(fill: (bytes: Uint8Array<ArrayBuffer>) => unknown): () => string {
  let pool = ''
  let used = 0
  return () => {
    if (used >= pool.length) {
      const bytes = new Uint8Array(poolBytes)
      fill(bytes)
      pool = hex(bytes)
      used = 0
    }
    used += 32
    return pool.slice(used - 32, used)
  }
}

/** Request ids: an isolate's random name and a count, so that each costs no randomness and none repeats. */
export function createRequestIds(nonce: () => string): () => string {
  let isolate = ''
  let count = 0
  return () => {
    if (isolate === '') isolate = nonce().slice(0, 16)
    count += 1
    return `${isolate}-${count.toString(36).padStart(5, '0')}`
  }
}
