import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { schemes } from '../../src/signing/index.ts'
import { optionFaults } from './opened.ts'

const page = readFileSync(new URL('../../docs/signing.md', import.meta.url), 'utf8')
const sections = page.split(/^## /m).slice(1)
const sectionOf = (name: string): string =>
  sections.find((section) => section.startsWith(`\`${name}\``)) ?? ''

/** The examples of a section, as the configuration would hold them. */
const examplesOf = (section: string): readonly Readonly<Record<string, unknown>>[] =>
  [...section.matchAll(/```ts\n([\s\S]*?)```/g)].map(
    ([, code]) => (new Function(`return { ${code} }`)() as { sign: Readonly<Record<string, unknown>> }).sign,
  )

describe.each(Object.keys(schemes))('docs/signing.md on %s', (name) => {
  const examples = examplesOf(sectionOf(name))

  it('has examples that the parser takes', () => {
    expect(examples.length).toBeGreaterThan(0)
    for (const sign of examples) {
      expect(sign['scheme']).toBe(name)
      expect(optionFaults(sign)).toEqual([])
    }
  })

  it('shows every option in an example', () => {
    const [known] = optionFaults({ ...examples[0], surprise: 1 }).map((fault) =>
      fault.replace('surprise: unknown option; known are ', ''),
    )
    const shown = new Set(examples.flatMap((sign) => Object.keys(sign)))
    if (known?.startsWith('surprise: ')) expect(shown).toEqual(new Set(['scheme']))
    else
      for (const option of known?.split(', ') ?? [])
        if (option !== 'keySuffix') expect(shown).toContain(option)
  })
})
