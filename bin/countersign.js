#!/usr/bin/env node
// Plain JavaScript that any Node >= 14 can read: it finds out whether this Node will do, and runs the bundle.
import { existsSync, readdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const bundle = join(root, 'dist/cli/countersign.cjs')
const [major, minor] = process.versions.node.split('.').map(Number)

const complain = (text) => {
  process.stderr.write(`countersign: ${text}\n`)
  process.exit(1)
}

/** Milliseconds since 1970 of the latest change to what the bundle is made of; directories tell of removed files. */
const latestChange = (path) => {
  const { mtimeMs } = statSync(path)
  let latest = mtimeMs
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const inner = join(path, entry.name)
    latest = Math.max(latest, entry.isDirectory() ? latestChange(inner) : statSync(inner).mtimeMs)
  }
  return latest
}

/** An installed package has only the bundle; a clone builds it when it is missing or older than its sources. */
const isStale = () => {
  if (!existsSync(join(root, 'src/cli/main.ts'))) return false
  if (!existsSync(bundle)) return true
  const built = statSync(bundle).mtimeMs
  return ['cli', 'client', 'core', 'config', 'signing'].some(
    (part) => latestChange(join(root, 'src', part)) > built,
  )
}

const build = async () => {
  const installed = ['esbuild', 'commander', 'structured-headers'].every((name) =>
    existsSync(join(root, 'node_modules', name)),
  )
  if (!installed) complain(`what it needs is not installed in ${root}. Run there: npm start, or npm ci.`)
  try {
    const { buildCli } = await import('../scripts/build-package.mjs')
    await buildCli()
  } catch (error) {
    complain(`it cannot be built: ${error.message}\n  Run npm ci in ${root}, or undo what was changed there.`)
  }
}

if (major > 22 || (major === 22 && minor >= 12)) {
  if (isStale()) await build()
  await import('../dist/cli/countersign.cjs')
} else {
  // A clone brings a Node of its own; `npx countersign` should work there whatever the system has.
  const own = join(root, 'node_modules/node/bin/node')
  if (!existsSync(own)) {
    const clone = existsSync(join(root, 'src/cli/main.ts'))
    const brings = clone ? ` npm start, or npm ci, brings one into ${root}.` : ''
    complain(`Node 22.12 or newer is needed; this is ${process.versions.node}.${brings}`)
  }
  const { spawnSync } = await import('node:child_process')
  const script = fileURLToPath(import.meta.url)
  const { status } = spawnSync(own, [script, ...process.argv.slice(2)], { stdio: 'inherit' })
  process.exit(status === null ? 130 : status)
}
