/**
 * Writes docs/catalogue.md from the files of src/upstreams: their header comments say what an API is, which keys
 * it takes and where that is written; the rest is what the functions return. `npm run catalogue`.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import type { UpstreamDefinition } from '../src/upstreams/definition.ts'
import * as catalogue from '../src/upstreams/index.ts'

const folder = new URL('../src/upstreams/', import.meta.url)
export const cataloguePage = new URL('../docs/catalogue.md', import.meta.url)

const introduction = `# The catalogue

Each of these is a function of one object: \`keys\`, the names of your secret bindings, and any field of an
upstream that should differ from what stands here (\`url\`, \`routes\`, \`headers\`, ...). An API that is not here
is written out in the configuration by hand; an API that signs with HMAC in a way of its own is a recipe of the
\`hmac\` scheme, as most of these are.

\`\`\`ts
import { plugipay } from './src/upstreams/index.ts'

upstreams: { plugipay: plugipay({ keys: { live: 'PLUGIPAY_LIVE', test: 'PLUGIPAY_TEST' } }) }
\`\`\`

To add an API, write its file in src/upstreams, with a comment at its top as the others have; add its line to
\`src/upstreams/index.ts\` and, for the tests, one to \`definitions\` in \`test/upstreams/vectors.ts\`. This page is made
from those files by \`npm run catalogue\`.
`

/** The whole page. */
export const catalogueText = (): string => {
  const index = readFileSync(new URL('index.ts', folder), 'utf8')
  const entries = [...index.matchAll(/^export \{ (\w+) \} from '\.\/(.+)'$/gm)]
  return [introduction, ...entries.map(([, name = '', file = '']) => section(name, file))].join('\n')
}

const section = (name: string, file: string): string => {
  const { text, keys, source } = readComment(file)
  const { url, ...definition } = define(name)
  const scopes = [...new Set(Object.values(definition.routes))].map((scope) => `\`${scope}\``).join(', ')
  const facts = [
    ['base URL', url === noUrl ? '`url` is required' : `\`${url}\``],
    ['scheme', `\`${definition.sign.scheme}\``],
    ['a secret binding holds', keys],
    ['scopes', scopes],
    ...(definition.probe === undefined ? [] : [['probe', `\`${definition.probe}\``]]),
    ['source', source.startsWith('https://') ? `<${source}>` : source],
  ]
  return `## \`${name}\`\n\n${text}\n\n| | |\n|---|---|\n${facts.map(([what, fact]) => `| ${what} | ${fact} |`).join('\n')}\n`
}

const noUrl = 'https://your.example'

/** As a configuration would call it; `url` is passed only where the entry has none of its own. */
const define = (name: string): UpstreamDefinition => {
  const make = new Map<string, unknown>(Object.entries(catalogue)).get(name) as (
    options: object,
  ) => UpstreamDefinition
  const definition = make({ keys: { live: 'API_LIVE' } })
  return definition.url === undefined ? make({ keys: { live: 'API_LIVE' }, url: noUrl }) : definition
}

const readComment = (file: string): { text: string; keys: string; source: string } => {
  const source = readFileSync(new URL(file, folder), 'utf8')
  const comment = source.slice(source.indexOf('/**') + 3, source.indexOf('*/'))
  const lines = comment.split('\n').map((line) => line.replace(/^ \* ?/, '').trimEnd())
  const field = (name: string): string =>
    lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2) ?? ''
  const text = lines.filter((line) => !/^(?:Keys|Source): /.test(line)).join('\n')
  return { text: text.trim(), keys: field('Keys'), source: field('Source') }
}

if (import.meta.main) writeFileSync(cataloguePage, catalogueText())
