// Builds what the package ships: the CLI as one file, and the client with its types. Plain JavaScript, since
// bin/countersign.js calls it under whatever Node there is.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/** Written beside and renamed: another process that starts right now sees the old file or the new one. */
const bundle = async (entry, outfile, options) => {
  const { outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: [entry],
    bundle: true,
    format: 'esm',
    write: false,
    logLevel: 'error',
    ...options,
  })
  const path = join(root, outfile)
  mkdirSync(dirname(path), { recursive: true })
  const draft = `${path}.${process.pid}`
  writeFileSync(draft, outputFiles[0].contents)
  renameSync(draft, path)
}

export const buildCli = () =>
  bundle('src/cli/main.ts', 'dist/cli/countersign.cjs', {
    platform: 'node',
    // With CommonJS, what only one command needs (node:http, node:crypto) is loaded when that command runs.
    format: 'cjs',
    target: 'node22.12',
    minify: true,
    define: { COUNTERSIGN_VERSION: JSON.stringify(version) },
  })

const buildClient = () =>
  bundle('src/client/index.ts', 'dist/client/index.js', {
    platform: 'neutral',
    target: 'es2022',
    minify: true,
  })

const buildTypes = () => {
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.client.json'], {
    cwd: root,
    stdio: 'inherit',
  })
  if (status !== 0) process.exit(1)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await Promise.all([buildCli(), buildClient()])
  buildTypes()
}
