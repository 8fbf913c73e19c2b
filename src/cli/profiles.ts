/**
 * `~/.countersign/config.json`: which Countersigns a person uses, by name, and which is current. No secrets.
 */
import { homedir } from 'node:os'
import { join } from 'node:path'
import { countersignOrigin } from '../client/origin.ts'
import { Failure } from './failure.ts'
import { readPrivateFile, writePrivateFile } from './private-files.ts'

export interface Profiles {
  readonly current: string | null
  /** Name -> origin. */
  readonly urls: ReadonlyMap<string, string>
}

export const defaultProfile = 'default'
const fileName = 'config.json'
export const profileNameForm = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

export function stateDirectory(): string {
  return join(homedir(), '.countersign')
}

export function profilesPath(): string {
  return join(stateDirectory(), fileName)
}

export function readProfiles(): Profiles {
  const text = readPrivateFile(stateDirectory(), fileName)
  if (text === null) return { current: null, urls: new Map() }
  const { current, profiles } = readVersioned(text, profilesPath())
  const urls = new Map<string, string>()
  for (const [name, profile] of Object.entries(Object(profiles))) {
    const url: unknown = Object(profile).url
    if (!profileNameForm.test(name) || typeof url !== 'string') throw brokenFile(profilesPath(), name)
    urls.set(name, readOrigin(url, `the profile ${name} in ${profilesPath()}`))
  }
  return { current: typeof current === 'string' ? current : null, urls }
}

export function writeProfiles({ current, urls }: Profiles): void {
  const profiles = Object.fromEntries([...urls].map(([name, url]) => [name, { url }]))
  writePrivateFile(
    stateDirectory(),
    fileName,
    `${JSON.stringify({ version: 1, current, profiles }, null, 2)}\n`,
  )
}

/** The origin of a Countersign as a person wrote it. Throws Failure `usage` that says where it stands. */
export function readOrigin(url: string, where: string): string {
  try {
    return countersignOrigin(url)
  } catch (error) {
    const reason = error instanceof TypeError && 'code' in error ? 'It is not a URL' : messageOf(error)
    throw new Failure('usage', `${where} does not name a Countersign. ${reason}.`)
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** The fields of one of our files. Throws Failure when it is not JSON, or was written by a later version. */
export function readVersioned(text: string, path: string): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // Said below: the parser's own message would quote the file.
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw brokenFile(path, 'it is not a JSON object')
  }
  const fields: Readonly<Record<string, unknown>> = { ...value }
  if (fields['version'] !== 1) throw brokenFile(path, 'its version is not 1')
  return fields
}

export function brokenFile(path: string, what: string): Failure {
  return new Failure('failure', `${path} cannot be understood (${what}).`, {
    hint: 'Mend it, or move it away and log in again.',
  })
}
