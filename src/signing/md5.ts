/**
 * MD5 (RFC 1321), because old APIs sign with it and WebCrypto has it on workerd but not on Node. Broken for
 * anything that needs collision resistance; here it only reproduces what an upstream checks.
 */
import { type Bytes, concatBytes } from './bytes.ts'

const shifts = [7, 12, 17, 22, 5, 9, 14, 20, 4, 11, 16, 23, 6, 10, 15, 21] as const
/** RFC 1321 section 3.4: the integer part of 4294967296 times abs(sin(i)). Made when the first MD5 is. */
let sines: readonly number[] | null = null

function sine(step: number): number {
  sines ??= Array.from({ length: 64 }, (_, index) => Math.floor(Math.abs(Math.sin(index + 1)) * 2 ** 32))
  return sines[step] ?? 0
}

export function md5(message: Uint8Array): Bytes {
  const padded = pad(message)
  const state = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476] as [number, number, number, number]
  for (let offset = 0; offset < padded.byteLength; offset += 64) addBlock(state, padded, offset)
  const digest = new DataView(new ArrayBuffer(16))
  for (const [index, word] of state.entries()) digest.setUint32(4 * index, word >>> 0, true)
  return new Uint8Array(digest.buffer)
}

/** One 1 bit, zeros to 8 bytes short of a block, and the length in bits. */
function pad(message: Uint8Array): DataView {
  const length = (((message.length + 8) >>> 6) + 1) << 6
  const padded = new Uint8Array(length)
  padded.set(message)
  padded[message.length] = 0x80
  const view = new DataView(padded.buffer)
  view.setUint32(length - 8, (message.length << 3) >>> 0, true)
  view.setUint32(length - 4, message.length >>> 29, true)
  return view
}

function addBlock(state: [number, number, number, number], block: DataView, offset: number): void {
  let [a, b, c, d] = state
  for (let step = 0; step < 64; step += 1) {
    const round = step >>> 4
    const [mixed, word] = mix(round, step, b, c, d)
    const sum = (a + mixed + sine(step) + block.getUint32(offset + 4 * word, true)) | 0
    const shift = shifts[4 * round + (step & 3)] ?? 0
    const rotated = (sum << shift) | (sum >>> (32 - shift))
    a = d
    d = c
    c = b
    b = (b + rotated) | 0
  }
  state[0] = (state[0] + a) | 0
  state[1] = (state[1] + b) | 0
  state[2] = (state[2] + c) | 0
  state[3] = (state[3] + d) | 0
}

/** The functions F, G, H and I of RFC 1321 section 3.4, with the word of the block that the step reads. */
function mix(round: number, step: number, b: number, c: number, d: number): readonly [number, number] {
  if (round === 0) return [(b & c) | (~b & d), step]
  if (round === 1) return [(d & b) | (~d & c), (5 * step + 1) & 15]
  if (round === 2) return [b ^ c ^ d, (3 * step + 5) & 15]
  return [c ^ (b | ~d), (7 * step) & 15]
}

/** RFC 2104 with MD5, whose block is 64 bytes. */
export function hmacMd5(secret: Bytes, data: Uint8Array): Bytes {
  const key = new Uint8Array(64)
  key.set(secret.length > 64 ? md5(secret) : secret)
  const inner = md5(concatBytes([key.map((byte) => byte ^ 0x36), data]))
  return md5(concatBytes([key.map((byte) => byte ^ 0x5c), inner]))
}
