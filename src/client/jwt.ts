/** The claims of a JWT, unverified: the client only plans with them. Empty for any other text. */
export function readClaims(token: string): Readonly<Record<string, unknown>> {
  try {
    const [, payload = ''] = token.split('.')
    // base64url is ASCII here or the text is mangled; neither `exp` nor a team's name needs more.
    return { ...JSON.parse(atob(payload.replaceAll('-', '+').replaceAll('_', '/'))) }
  } catch {
    return {}
  }
}
