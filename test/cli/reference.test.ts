import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { exitCodes } from '../../src/cli/exit-codes.ts'
import { createProgram } from '../../src/cli/program.ts'
import { createReference } from '../../src/cli/reference.ts'
import { type Home, makeHome } from './run-cli.ts'

let home: Home
beforeAll(() => {
  home = makeHome()
})
afterAll(() => home.remove())

it('docs/cli.md is what the commands say (npm run docs:cli writes it)', () => {
  expect(readFileSync('docs/cli.md', 'utf8')).toBe(createReference(createProgram()))
})

it('exit codes are those that scripts were promised', () => {
  const codes = Object.values(exitCodes).map(({ code }) => code)
  expect(codes).toEqual([0, 1, 2, 3, 4, 5, 6, 64, 130])
})

describe('help and mistakes', () => {
  it('explains itself on stdout: exit 0', async () => {
    for (const args of [['--help'], ['help'], ['call', '--help'], ['help', 'tokens']]) {
      const ended = await home.run(args)
      expect(ended).toMatchObject({ code: 0, stderr: '' })
      expect(ended.stdout).toMatch(/^Usage: countersign/)
    }
    expect((await home.run(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
  })

  it('help of a command is the same in either way', async () => {
    const { stdout } = await home.run(['tokens', 'create', '--help'])
    expect(stdout).toMatch(/^Usage: countersign tokens create/)
    expect(await home.run(['help', 'tokens', 'create'])).toEqual({ code: 0, stdout, stderr: '' })
    expect(await home.run(['tokens', 'help', 'create'])).toEqual({ code: 0, stdout, stderr: '' })
  })

  it.each([
    [[], 'Usage: countersign'],
    [['help', 'nosuch'], "unknown command 'nosuch'"],
    [['help', 'tokens', 'nosuch'], "unknown command 'nosuch'"],
    [['tokens', 'help', 'nosuch'], "unknown command 'nosuch'"],
    [['cal'], "unknown command 'cal'"],
    [['config'], 'Usage: countersign config'],
    [['tokens', 'nope'], "unknown command 'nope'"],
    [['tokens', 'list', 'extra'], 'too many arguments'],
    [['whoami', '--nope'], "unknown option '--nope'"],
    [['whoami', 'extra'], 'too many arguments'],
    [['tokens', 'create'], "missing required argument 'name'"],
    [['revoke', '--jti', 'x'], "required option '--team <team>' not specified"],
    [['revoke', '--team', 'x'], '--jti, --subject or --before'],
    [['revoke', '--team', 'x', '--jti', 'a', '--subject', 'b'], '--jti, --subject or --before'],
    [['revoke', '--team', 'x', '--before', 'soon'], 'is not a time'],
    [['usage', '--by', 'colour'], '--by takes'],
    [['usage', '--since', 'yesterday'], '--since is not a time'],
    [['usage', '--since', '2026-02-30'], '--since is not a time'],
    [['tokens', 'create', 'a', '--team', 'b', '--expires', 'soon'], '--expires is not a time'],
    [['tokens', 'list', '--status', 'good'], 'Allowed choices are active, expired, revoked'],
    [['usage', '--csv', '--json'], 'Choose --csv or --json'],
    [['audit', '--limit', 'few'], '--limit is a whole number'],
    [['teams', 'limit', 'a', 'b'], '--requests'],
    [['teams', 'limit', 'a', 'b', '--requests', '0'], 'whole number, 1 or more'],
    [['teams', 'limit', 'a', 'b', '--requests', '1', '--reset'], '--reset alone'],
    [['explain', 'GET'], "missing required argument 'path'"],
    [['completion', 'tcsh'], 'Allowed choices are bash, zsh, fish'],
    [['whoami', '--url', 'not a url'], '--url does not name a Countersign'],
    [['whoami', '--url', 'https://a.example/path'], 'is an origin'],
  ])('%j is a usage error: exit 2', async (args, said) => {
    const env = { COUNTERSIGN_TOKEN: 'an-admin-key-that-was-made-up', COUNTERSIGN_URL: 'https://a.example' }
    const ended = await home.run(args, { env })
    expect(ended).toMatchObject({ code: 2, stdout: '' })
    expect(ended.stderr).toMatch(said)
    expect(ended.stderr).not.toMatch(/\n\s+at /)
  })

  it.each([
    [['toknes'], "unknown command 'toknes'"],
    [['tokens', 'create'], "missing required argument 'name'"],
    [['whoami', '--nope'], "unknown option '--nope'"],
    [['config'], 'Say which command'],
  ])('%j --json is a usage error as an object on stderr: exit 2', async (args, said) => {
    const { code, stdout, stderr } = await home.run([...args, '--json'])
    expect([code, stdout]).toEqual([2, ''])
    expect(JSON.parse(stderr).error).toMatchObject({
      ...{ code: 'usage', exitCode: 2, requestId: null },
      message: expect.stringContaining(said),
      hint: expect.stringContaining('--help'),
    })
  })

  it('a mistyped command comes with what was probably meant', async () => {
    expect((await home.run(['toknes'])).stderr).toMatch('Did you mean tokens?')
  })
})

describe('completion', () => {
  it('for bash knows commands, their commands and their flags', async () => {
    const { stdout } = await home.run(['completion', 'bash'])
    const complete = (...words: readonly string[]): readonly string[] => {
      const script = `${stdout}
COMP_WORDS=(countersign ${words.map((word) => `'${word}'`).join(' ')})
COMP_CWORD=${words.length}
_countersign
printf '%s\\n' "\${COMPREPLY[@]}"`
      return execFileSync('bash', ['-c', script], { encoding: 'utf8' }).trim().split('\n')
    }
    expect(complete('to')).toEqual(['token', 'tokens'])
    expect(complete('tokens', '')).toEqual(expect.arrayContaining(['list', 'create', 'revoke']))
    expect(complete('--profile', 'tokens', 'tokens', 'create', '--ex')).toEqual(['--expires'])
    expect(complete('call', '--pag')).toEqual(['--paginate'])
  })

  it('names every command in every shell', async () => {
    const names = (command: Command): readonly string[] =>
      command.commands.flatMap((inner) => [inner.name(), ...names(inner)])
    for (const shell of ['bash', 'zsh', 'fish']) {
      const { stdout } = await home.run(['completion', shell])
      for (const name of names(createProgram())) expect(stdout).toMatch(new RegExp(`\\b${name}\\b`))
    }
  })
})
