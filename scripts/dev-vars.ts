/**
 * `.dev.vars`: the secrets of a local installation, one `NAME=value` a line, read by wrangler. Entries that are
 * missing are made up and added; what is there is never changed.
 */
import { randomBytes } from 'node:crypto'
import { chmodSync, lstatSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { parseEnv } from 'node:util'
import { Complaint } from './complaint.ts'

/** Where wrangler looks, from the project's folder. */
export const devVarsFile = '.dev.vars'

export const readDevVars = (file: string): Readonly<Record<string, string>> => {
  const text = readOwnFile(file)
  return text === null ? {} : entries(text)
}

/** Adds what is missing and returns all entries. The file is 0600 afterwards, and never half-written. */
export const ensureDevVars = (
  file: string,
  make: Readonly<Record<string, () => string>>,
): Readonly<Record<string, string>> => {
  const text = readOwnFile(file) ?? '# Secrets of this machine, made up at random. Never commit this file.\n'
  const present = entries(text)
  const missing = Object.keys(make).filter((name) => present[name] === undefined)
  if (missing.length === 0) {
    chmodSync(file, 0o600)
    return present
  }
  const lines = missing.map((name) => `${name}=${quoted(make[name]?.() ?? '')}`)
  const separator = text === '' || text.endsWith('\n') ? '' : '\n'
  const changed = `${text}${separator}${lines.join('\n')}\n`
  const temporary = `${file}.${randomBytes(6).toString('hex')}`
  try {
    writeFileSync(temporary, changed, { mode: 0o600, flag: 'wx' })
    renameSync(temporary, file)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw new Complaint(`Cannot write ${file}: ${error instanceof Error ? error.message : String(error)}`)
  }
  return entries(changed)
}

/** Null when there is none. A link could lead the secrets out of the project, so it is not followed. */
const readOwnFile = (file: string): string | null => {
  const found = lstatSync(file, { throwIfNoEntry: false })
  if (found === undefined) return null
  if (!found.isFile()) throw new Complaint(`${file} must be a plain file, not a link or a directory.`)
  return readFileSync(file, 'utf8')
}

const entries = (text: string): Readonly<Record<string, string>> => {
  const named: Record<string, string> = {}
  for (const [name, value] of Object.entries(parseEnv(text))) if (value !== undefined) named[name] = value
  return named
}

/** JSON needs quotes; a generated value has no single quote in it. */
const quoted = (value: string): string => (/^[\w:.-]+$/.test(value) ? value : `'${value}'`)
