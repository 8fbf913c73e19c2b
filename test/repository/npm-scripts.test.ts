/** A clone holds nothing of what its scripts run on, and its system may have Node 20, which reads no TypeScript. */
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'

const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as {
  scripts: Readonly<Record<string, string>>
}

it('every npm script installs what it needs first, where that is missing', () => {
  const names = Object.keys(scripts).filter((name) => !name.startsWith('pre'))
  expect(names).toContain('token')
  expect(names.filter((name) => scripts[`pre${name}`] !== 'node scripts/install.mjs')).toEqual([])
})

it('npm pack does so too', () => {
  expect(scripts['prepack']).toBe('npm run -s build:package')
})
