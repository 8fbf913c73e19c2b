/**
 * The last line of defence for what is printed on stderr: whatever looks like one of our tokens is cut out, also
 * where it came from a command line that was not understood.
 */
const tokenForms = [
  /cst_[0-9A-Za-z]+_[0-9A-Za-z_]+/g,
  /cs[pa]_[0-9A-Za-z]{43}(?:_[0-9A-Za-z]+)?/g,
  /\bey[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*/g,
]

export function withoutTokens(text: string): string {
  return tokenForms.reduce((clean, form) => clean.replace(form, '[token]'), text)
}

/** JSON in which the same characters are escapes: another text, the same value. `\x1b` is one in any JSON. */
export function printableJson(json: string): string {
  return json.replace(
    /[\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/**
 * Text from outside on a terminal: control characters could move the cursor or rename the window, and some marks
 * turn the order of letters around. Only the colours that `Terminal.paint` writes stay.
 */
export function printable(text: string): string {
  return text.replace(
    /\x1b(?!\[(?:0|1|2|31|32)m)|[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g,
    '\ufffd',
  )
}
