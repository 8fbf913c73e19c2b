import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { expect, it } from 'vitest'

const bytesMax = 3 * 1024

it(`is at most ${bytesMax} bytes, minified and gzipped, and needs nothing of any platform`, async () => {
  const { outputFiles, metafile } = await build({
    entryPoints: ['src/client/index.ts'],
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    platform: 'neutral',
    write: false,
    metafile: true,
  })
  const [output] = outputFiles
  if (output === undefined) throw new Error('esbuild wrote nothing')
  expect(Object.keys(metafile.inputs).every((path) => path.startsWith('src/client/'))).toBe(true)
  expect(gzipSync(output.contents, { level: 9 }).length).toBeLessThanOrEqual(bytesMax)
})
