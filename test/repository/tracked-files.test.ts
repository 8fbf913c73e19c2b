import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const tracked = execFileSync('git', ['-c', 'safe.directory=*', 'ls-files', '-z'], { encoding: 'utf8' })
  .split('\0')
  .filter(Boolean)
const self = 'test/repository/tracked-files.test.ts'

const linesThatMatch = (form: RegExp, files: readonly string[]): readonly string[] =>
  files.flatMap((file) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .flatMap((line, index) => (form.test(line) ? [`${file}:${index + 1}`] : [])),
  )

describe('tracked files', () => {
  const texts = tracked.filter((file) => file !== self && !/\.(?:png|ico|woff2)$/.test(file))

  it('name no folder of a machine', () => {
    const homes = /(?:^|[^.\w-])\/(?:home|Users|root|work|tmp\/[\w.-]+)\/|[A-Z]:\\Users\\/
    expect(linesThatMatch(homes, texts)).toEqual([])
  })

  it('install from the public npm registry alone', () => {
    const hosts = [...readFileSync('package-lock.json', 'utf8').matchAll(/"resolved": "https?:\/\/([^/"]+)/g)]
    expect(
      [...new Set(hosts.map(([, host]) => host))].filter((host) => host !== 'registry.npmjs.org'),
    ).toEqual([])
    expect(tracked.filter((file) => /(?:^|\/)\.npmrc$/.test(file))).toEqual([])
  })

  it('hold no secrets and nothing that was built', () => {
    expect(
      tracked.filter((file) =>
        /(?:^|\/)(?:\.dev\.vars|\.env|node_modules|dist|\.wrangler)(?:\/|$)/.test(file),
      ),
    ).toEqual([])
  })

  it('end what they promise: no test is skipped without a reason, none is alone', () => {
    const tests = tracked.filter((file) => /\.test\.tsx?$/.test(file) && file !== self)
    expect(linesThatMatch(/\b(?:it|test|describe)\.(?:only|todo|skip)\(/, tests)).toEqual([])
  })
})
