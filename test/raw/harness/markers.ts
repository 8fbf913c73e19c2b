/**
 * Secrets that are made to be found again: long, random, and searched for in every form in which careless
 * code might print them.
 */
import { randomBytes } from 'node:crypto'

export interface Marker {
  /** Where it stands, for the report of a hit: the name of its binding. */
  readonly name: string
  readonly text: string
}

/** Holds characters that change when they are percent-encoded, and that any scheme may send in a header. */
export const markerText = (prefix = ''): string => `${prefix}MARKER/${randomBytes(18).toString('base64')}+`

/** Also holds what JSON escapes; only for schemes that never send the secret itself. */
export const awkwardMarkerText = (prefix = ''): string => `${markerText(prefix)}"\\`

/** The name and the form of every marker that occurs in the text. */
export const findMarkers = (text: string, markers: readonly Marker[]): readonly string[] =>
  markers.flatMap(({ name, text: secret }) =>
    Object.entries(formsOf(secret))
      .filter(([, forms]) => forms.some((form) => text.includes(form)))
      .map(([form]) => `${name} (${form})`),
  )

const formsOf = (secret: string): Readonly<Record<string, readonly string[]>> => {
  const hex = Buffer.from(secret).toString('hex')
  return {
    raw: [secret],
    // Inside a longer text base64 starts at any of three offsets; what the neighbours touch is cut off.
    base64: [0, 1, 2].flatMap((offset) => {
      const padded = Buffer.concat([Buffer.alloc(offset), Buffer.from(secret)])
      const from = offset === 0 ? 0 : 4
      const untouched = (encoding: 'base64' | 'base64url') =>
        padded.toString(encoding).replaceAll('=', '').slice(from, -2)
      return [untouched('base64'), untouched('base64url')]
    }),
    hex: [hex, hex.toUpperCase()],
    percent: [encodeURIComponent(secret), encodeURI(secret)],
    json: [
      JSON.stringify(secret).slice(1, -1),
      JSON.stringify(JSON.stringify(secret)).slice(3, -3),
      secret.replaceAll('/', '\\/'),
    ],
  }
}
