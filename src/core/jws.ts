/** JSON Web Signatures in compact form (RFC 7515 section 3.1). */
import { type Bytes, base64url, utf8 } from './bytes.ts'

/** Signs bytes with the key that it closes over. */
export type Sign = (data: Bytes) => Promise<ArrayBuffer>

/** What is signed: both parts in base64url, joined by a dot. */
export function signingInput(header: object, claims: object): string {
  return [header, claims].map((part) => base64url(utf8(JSON.stringify(part)))).join('.')
}

/** `header` names the algorithm, which has to be that of `sign`. */
export async function compactJws(header: object, claims: object, sign: Sign): Promise<string> {
  const input = signingInput(header, claims)
  return `${input}.${base64url(new Uint8Array(await sign(utf8(input))))}`
}
