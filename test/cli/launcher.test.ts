/** `bin/countersign.js`: what runs before anything is known about the Node that runs it. */
import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'countersign-launcher-'))
  for (const part of ['bin', 'package.json']) cpSync(resolve(part), join(root, part), { recursive: true })
})
afterEach(() => rmSync(root, { recursive: true }))

/** `version`: what Node says it is. */
const run = (version: string): Promise<{ code: unknown; stdout: string; stderr: string }> => {
  const pretend = `data:text/javascript,Object.defineProperty(process,'versions',{value:{...process.versions,node:'${version}'}})`
  const args = ['--import', pretend, join(root, 'bin/countersign.js'), '--version']
  return new Promise((end) => {
    execFile(process.execPath, args, { cwd: root }, (error, stdout, stderr) => {
      end({ code: error === null ? 0 : error.code, stdout, stderr })
    })
  })
}

it.each(['14.21.3', '20.20.2', '22.11.0'])('says which Node it needs, run by %s', async (version) => {
  expect(await run(version)).toEqual({
    code: 1,
    stdout: '',
    stderr: `countersign: Node 22.12 or newer is needed; this is ${version}.\n`,
  })
})

it('runs under the Node that a clone brings, where the system has an older one', async () => {
  mkdirSync(join(root, 'node_modules'))
  symlinkSync(resolve('node_modules/node'), join(root, 'node_modules/node'))
  cpSync(resolve('src'), join(root, 'src'), { recursive: true })
  const { code, stderr } = await run('20.20.2')
  expect(code).toBe(1)
  expect(stderr).toMatch('what it needs is not installed')
})

it('says what to do in a clone where nothing is installed yet', async () => {
  cpSync(resolve('src'), join(root, 'src'), { recursive: true })
  expect((await run('24.0.0')).stderr).toMatch('Run there: npm start, or npm ci.')
  expect((await run('20.20.2')).stderr).toMatch('npm start, or npm ci, brings one')
})
