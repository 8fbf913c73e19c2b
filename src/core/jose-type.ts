/**
 * A media type as the header of a JWS names it, in `typ` or `cty` (RFC 7515 sections 4.1.9 and 4.1.10): compared without
 * case, `application/` may be left out, and is.
 */
export function joseType(text: string): string {
  return text.toLowerCase().replace(/^application\//, '')
}
