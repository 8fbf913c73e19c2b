/**
 * `~/.countersign/config.json`: which Countersigns a person uses, by name, and which is current. No secrets.
 */
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'
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

/** Null where there is none, as in some containers; nothing is kept then, and nothing written to where one stands. */
function homeDirectory(): string | null {
  try {
    const home = homedir()
    return isAbsolute(home) ? home : null
  } catch {
    return null
  }
}

export function stateDirectory(): string {
  const home = homeDirectory()
  if (home !== null) return join(home, '.countersign')
  throw new Failure('failure', 'There is no home directory, and so no place for a login.', {
    hint: 'Set HOME to one, or do without a login: set COUNTERSIGN_URL and COUNTERSIGN_TOKEN.',
  })
}

/** The text of a file of ours; null when there is none. */
export function readStateFile(name: string): string | null {
  return homeDirectory() === null ? null : readPrivateFile(stateDirectory(), name)
}

/** Where the files are, for `status`; none without a home directory. */
export function stateFiles(): readonly string[] {
  return homeDirectory() === null
    ? []
    : [fileName, 'credentials.json'].map((name) => join(stateDirectory(), name))
}

function profilesPath(): string {
  return join(stateDirectory(), fileName)
}

export function readProfiles(): Profiles {
  const text = readStateFile(fileName)
  if (text === null) return { current: null, urls: new Map() }
  const { current, profiles } = readVersioned(text, profilesPath())
  const urls = new Map<string, string>()
  for (const [name, profile] of Object.entries(Object(profiles))) {
    const url: unknown = Object(profile).url
    if (!profileNameForm.test(name) || typeof url !== 'string') throw brokenFile(profilesPath(), name)
    const fault = faultOfOrigin(url)
    if (fault !== null) throw brokenFile(profilesPath(), `${name}: ${fault}`)
    urls.set(name, countersignOrigin(url))
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
  const fault = faultOfOrigin(url)
  if (fault === null) return countersignOrigin(url)
  throw new Failure('usage', `${where} does not name a Countersign. ${fault}.`)
}

function faultOfOrigin(url: string): string | null {
  try {
    countersignOrigin(url)
    return null
  } catch (error) {
    if (!(error instanceof TypeError) || 'code' in error) return 'It is not a URL'
    return error.message
  }
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
  const { version } = fields
  if (version === 1) return fields
  if (typeof version !== 'number' || version < 1) throw brokenFile(path, 'its version is not 1')
  throw new Failure('failure', `${path} was written by a newer countersign (version ${version}).`, {
    hint: 'Use that one, or move the file away and log in again.',
  })
}

export function brokenFile(path: string, what: string): Failure {
  return new Failure('failure', `${path} cannot be understood (${what}).`, {
    hint: 'Mend it, or move it away and log in again.',
  })
}
