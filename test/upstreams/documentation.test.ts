import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { cataloguePage, catalogueText } from '../../scripts/catalogue.ts'

it('docs/catalogue.md is what the catalogue says; npm run catalogue writes it anew', () => {
  expect(readFileSync(cataloguePage, 'utf8')).toBe(catalogueText())
})
