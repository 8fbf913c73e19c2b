/**
 * The forms of secrets. A newline that came along with a copied secret makes every signature wrong in a way
 * that no upstream explains; so white space is refused where the secret is read. No message here has a
 * character of a secret.
 */
import { SecretFault } from './scheme.ts'

interface SecretForm {
  /** Spaces inside of a part, as a password may have them. */
  readonly inner?: 'spaces'
}

/** `<first>:<second>`, split at the first colon. */
export function parsePair(
  text: string,
  names: readonly [string, string],
  form: SecretForm = {},
): readonly [string, string] {
  const [first = '', second = ''] = parseParts(text, names, form)
  return [first, second]
}

/** As many parts as there are names, split at the first colons: only the last part may hold one. */
export function parseParts(text: string, names: readonly string[], form: SecretForm = {}): readonly string[] {
  const written = names.map((name) => `<${name}>`).join(':')
  const pieces = text.split(':')
  const last = names.length - 1
  if (pieces.length <= last) {
    const colons = last === 1 ? 'no colon' : `fewer than ${last} colons`
    throw new SecretFault(`the secret has ${colons}; its form is ${written}`)
  }
  return names.map((name, index) => {
    const part = index < last ? pieces[index] : pieces.slice(last).join(':')
    return parseWhole(part ?? '', `the ${name} of ${written}`, form)
  })
}

/** A secret of one part. */
export function parseWhole(text: string, what: string, { inner }: SecretForm = {}): string {
  const fault = formFault(text, inner === 'spaces')
  if (fault !== null) throw new SecretFault(`${what} ${fault}`)
  return text
}

/** A secret of one part, or a part of one, that travels in a header as it is. */
export function parseVisible(text: string, what: string, form: SecretForm = {}): string {
  if (/^[\x20-\x7e]*$/.test(parseWhole(text, what, form))) return text
  throw new SecretFault(`${what} has only visible ASCII`)
}

function formFault(text: string, innerSpaces: boolean): string | null {
  if (text === '') return 'is empty'
  if (/[\p{Cc}\u200b\u2060\ufeff]/u.test(text))
    return 'holds a line break or another invisible character, perhaps copied along'
  if (text.trim() !== text) return 'begins or ends with white space'
  if (!innerSpaces && /\s/.test(text)) return 'holds white space'
  return null
}

/** The text without these secrets, the longest first: one may be part of another. */
export function withoutSecrets(text: string, secrets: readonly string[]): string {
  return secrets
    .toSorted((one, other) => other.length - one.length)
    .reduce((rest, secret) => rest.replaceAll(secret, '[redacted]'), text)
}

/**
 * Whether any part of a secret begins with what its slot refuses: a live key in a `test` slot is found by its
 * id as well as by its secret.
 */
export function beginsWithRefused(secret: string, prefixes: readonly string[]): boolean {
  return secret.split(':').some((part) => prefixes.some((prefix) => part.trimStart().startsWith(prefix)))
}

/** The custom of many APIs, known or not: `sk_live_...`, `pk_live_...`, `op_live_...`, as a part of its own or with an id. */
const liveForm = /^[a-z]{2,4}_live_/

/** Whether any part of a secret says of itself that it is live. */
export function isLive(secret: string): boolean {
  return secret.split(':').some((part) => liveForm.test(part.trimStart()))
}

/** Whether a key's name in the configuration says that it is for testing: `test`, `ci-test`, `sandbox`. */
export function isTestName(name: string): boolean {
  return /(?:^|[-_.])(?:test|testing|sandbox)(?:$|[-_.0-9])/i.test(name)
}
