import { createReadStream } from 'node:fs'
import type { Command } from 'commander'
import { api } from '../api.ts'
import { readTarget } from '../call/target.ts'
import { collect, examples, runs } from '../command.ts'
import type { Context } from '../context.ts'
import { usageFailure } from '../failure.ts'
import { errorCode } from '../private-files.ts'

interface ExplainOptions {
  readonly key?: string
  readonly header?: readonly string[]
  readonly input?: string
  readonly bodySha256?: string
}

export function declareExplain(program: Command): void {
  const explain = program
    .command('explain')
    .description('show how a call would be signed, step by step, without making it; for admins')
    .argument('<method>')
    .argument('<path>', 'upstream and path, as for call')
    .option('-k, --key <name>', 'with which key; without it, the only one of the upstream')
    .option('-H, --header <name: value>', 'a header of the request', collect)
    .option('--input <file>', 'the body, of which only the SHA-256 is sent; - is stdin')
    .option('--body-sha256 <hex>', 'the SHA-256 of the body')
  runs(explain, runExplain)
  examples(explain, ['countersign explain POST plugipay/api/v1/customers --key test --input customer.json'])
}

async function runExplain(
  context: Context,
  options: ExplainOptions,
  [method = '', path = '']: readonly string[],
): Promise<void> {
  const url = readTarget(context.url, path)
  const [, upstream = '', rest = '/'] = /^\/([^/]+)(\/.*)?$/.exec(url.pathname) ?? []
  const bodySha256 = await readDigest(options)
  const answer = await api(context, '/api/explain', {
    method: 'POST',
    body: {
      upstream,
      ...(options.key === undefined ? {} : { key: options.key }),
      method: method.toUpperCase(),
      path: `${rest}${url.search}`,
      ...(options.header === undefined ? {} : { headers: readHeaders(options.header) }),
      ...(bodySha256 === undefined ? {} : { bodySha256 }),
    },
  })
  context.terminal.show(answer, () =>
    [...stagesOf(answer), ...editsOf(answer), ...mistakesOf(answer)]
      .map(({ name, text }) => `${context.terminal.paint('strong', name)}\n${indent(text)}`)
      .join('\n\n'),
  )
}

function readHeaders(lines: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    lines.map((line) => {
      const [, name, value = ''] = /^([^\s:]+):\s*(.*)$/.exec(line) ?? []
      if (name === undefined) throw usageFailure('A header reads "Name: value".')
      return [name, value]
    }),
  )
}

async function readDigest({ input, bodySha256 }: ExplainOptions): Promise<string | undefined> {
  if (input !== undefined && bodySha256 !== undefined) {
    throw usageFailure('Give --input or --body-sha256, not both.')
  }
  if (bodySha256 !== undefined && !/^[0-9a-f]{64}$/i.test(bodySha256)) {
    throw usageFailure('--body-sha256 has 64 hexadecimal digits.')
  }
  if (input === undefined) return bodySha256?.toLowerCase()
  const { createHash } = await import('node:crypto')
  const hash = createHash('sha256')
  try {
    for await (const chunk of input === '-' ? process.stdin : createReadStream(input)) hash.update(chunk)
    return hash.digest('hex')
  } catch (error) {
    throw usageFailure(`${input} cannot be read: ${errorCode(error)}.`)
  }
}

interface Section {
  readonly name: string
  readonly text: string
}

function stagesOf(answer: Readonly<Record<string, unknown>>): readonly Section[] {
  return [answer['stages'] ?? []].flat().map((stage) => {
    const { name, text } = Object(stage)
    return { name: String(name), text: typeof text === 'string' ? text : JSON.stringify(text) }
  })
}

/** What the scheme would set, as the answer masks it. */
function editsOf(answer: Readonly<Record<string, unknown>>): readonly Section[] {
  const lines = (['headers', 'query'] as const).flatMap((part) =>
    [answer[part] ?? []].flat().map((edit) => {
      const { name, value } = Object(edit)
      return part === 'headers' ? `${name}: ${value}` : `?${name}=${value}`
    }),
  )
  return lines.length === 0 ? [] : [{ name: 'what is set', text: lines.join('\n') }]
}

function mistakesOf(answer: Readonly<Record<string, unknown>>): readonly Section[] {
  const mistakes = [answer['mistakes'] ?? []].flat().map(String)
  return mistakes.length === 0 ? [] : [{ name: 'look at this first', text: mistakes.join('\n') }]
}

function indent(text: string): string {
  return text
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n')
}
