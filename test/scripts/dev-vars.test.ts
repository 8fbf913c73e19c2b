import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Complaint } from '../../scripts/complaint.ts'
import { ensureDevVars, readDevVars } from '../../scripts/dev-vars.ts'
import { makeSecret } from '../../src/sandbox/secrets.ts'

let folder: string
let file: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'countersign-dev-vars-'))
  file = join(folder, '.dev.vars')
})
afterEach(() => rmSync(folder, { recursive: true }))

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8)

describe('.dev.vars', () => {
  it('is made with every secret, readable by its owner alone', () => {
    const made = ensureDevVars(file, makeSecret)
    expect(new Set(Object.keys(made))).toEqual(new Set(Object.keys(makeSecret)))
    expect(modeOf(file)).toBe('600')
    expect(readDevVars(file)).toEqual(made)
    expect(JSON.parse(made['COUNTERSIGN_SIGNING_KEY'] ?? '')).toMatchObject({ kty: 'OKP', crv: 'Ed25519' })
  })

  it('stays as it is from one run to the next', () => {
    const first = ensureDevVars(file, makeSecret)
    const text = readFileSync(file, 'utf8')
    expect(ensureDevVars(file, makeSecret)).toEqual(first)
    expect(readFileSync(file, 'utf8')).toBe(text)
  })

  it('gets what is missing, and keeps comments, own entries and own values', () => {
    writeFileSync(file, '# mine\nPLUGIPAY_TEST=pk_test_mine:sk_test_mine\nOTHER="two words"')
    const changed = ensureDevVars(file, makeSecret)
    expect(changed).toMatchObject({ PLUGIPAY_TEST: 'pk_test_mine:sk_test_mine', OTHER: 'two words' })
    expect(readFileSync(file, 'utf8')).toMatch(
      /^# mine\nPLUGIPAY_TEST=pk_test_mine:sk_test_mine\nOTHER="two words"\n/,
    )
  })

  it('is closed to others when it was open', () => {
    ensureDevVars(file, makeSecret)
    chmodSync(file, 0o644)
    ensureDevVars(file, makeSecret)
    expect(modeOf(file)).toBe('600')
    writeFileSync(file, 'ONLY=one\n')
    chmodSync(file, 0o644)
    ensureDevVars(file, makeSecret)
    expect(modeOf(file)).toBe('600')
  })

  it('is not followed as a link, nor read', () => {
    const target = join(folder, 'elsewhere')
    writeFileSync(target, 'A=1\n')
    symlinkSync(target, file)
    expect(() => ensureDevVars(file, makeSecret)).toThrow(Complaint)
    expect(() => readDevVars(file)).toThrow(Complaint)
    expect(readFileSync(target, 'utf8')).toBe('A=1\n')
  })
})
