import { parseSign } from '../../src/signing/index.ts'
import type { BoundScheme, OpenKey } from '../../src/signing/scheme.ts'

export const boundScheme = (sign: object): BoundScheme => {
  const faults: string[] = []
  const scheme = parseSign({ ...sign }, (path, message) => faults.push(`${path}: ${message}`))
  if (scheme === null) throw new Error(`the options were refused: ${faults.join('; ')}`)
  return scheme
}

/** A scheme with a key, for schemes that sign by themselves. */
export const openKey = async (sign: object, secret: string): Promise<Extract<OpenKey, { kind: 'sign' }>> => {
  const key = await boundScheme(sign).open(secret)
  if (key.kind !== 'sign') throw new Error('the scheme mints')
  return key
}

/** All faults of options, as `path: message`. */
export const optionFaults = (sign: object): readonly string[] => {
  const faults: string[] = []
  parseSign({ ...sign }, (path, message) => faults.push(`${path}: ${message}`))
  return faults
}
