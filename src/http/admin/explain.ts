/**
 * `POST /api/explain`: how a call would be signed, without making it and without a signature that could be used.
 * For `admin` only, because it tells whether a key can be opened.
 */
import { Hono } from 'hono/tiny'
import { fromHex } from '../../core/bytes.ts'
import type { Configuration, Key, Upstream } from '../../core/configuration.ts'
import { invalid as invalidPath, parseRequestPath } from '../../core/path.ts'
import { Refusal } from '../../core/problems.ts'
import type { KeyStore } from '../../credentials/keys.ts'
import { explain } from '../../signing/explain.ts'
import type { SignableBody } from '../../signing/scheme.ts'
import type { OwnEnv, OwnRoutes } from '../call.ts'
import { Fields } from '../fields.ts'
import { buildOutbound } from '../outbound.ts'
import { type Guard, requireAdmin } from './authorize.ts'
import { invalid, readMembers, readObject } from './body.ts'
import { methodNotAllowed, notFound, privateJson, readJson } from './request.ts'

export interface ExplainDeps {
  readonly config: Pick<Configuration, 'upstreams'> & { readonly host: string }
  readonly keys: Pick<KeyStore, 'openToExplain'>
  readonly now: () => number
  readonly nonce: () => string
}

export function explainRoutes(deps: ExplainDeps, guard: Guard): OwnRoutes {
  return new Hono<OwnEnv>()
    .post('/api/explain', async ({ req: { raw } }) => {
      requireAdmin(await guard(raw))
      return privateJson(await explainCall(await readJson(raw), deps))
    })
    .all('/api/explain', () => methodNotAllowed('POST'))
}

const members = ['upstream', 'key', 'method', 'path', 'headers', 'bodySha256'] as const

async function explainCall(json: unknown, { config, keys, now, nonce }: ExplainDeps): Promise<object> {
  const asked = readMembers(json, members, 'The body')
  const upstream = config.upstreams.get(readText(asked.upstream, 'upstream'))
  if (upstream === undefined) throw notFound('upstream')
  const key = chooseKey(asked.key, upstream)
  const method = readText(asked.method, 'method')
  if (!/^(?:GET|HEAD|POST|PUT|PATCH|DELETE)$/.test(method))
    throw invalid('method is GET, HEAD, POST, PUT, PATCH or DELETE.')
  const target = { method, upstream: upstream.name, ...readPath(asked.path, upstream) }
  const headers = readHeaders(asked.headers)
  const body = readBody(asked.bodySha256, upstream, headers.get('content-type'))
  const { url, request } = buildOutbound({ upstream, target }, new Fields(headers), body, {
    loopName: config.host,
    nonce,
  })
  const { open, faults } = await keys.openToExplain(upstream, key)
  const explanation = await explain({
    scheme: upstream.scheme,
    key: open,
    keyName: key.name,
    keyFaults: faults,
    request,
    moment: { now: now(), nonce },
  })
  return { ...named(upstream, key), method, url, ...explanation }
}

function named(upstream: Upstream, key: Key) {
  return { upstream: upstream.name, key: key.name }
}

/** As for a call: without a name, the only key there is. */
function chooseKey(asked: unknown, { name, keys }: Upstream): Key {
  const [only, ...others] = keys.values()
  if (asked === undefined) {
    if (only !== undefined && others.length === 0) return only
    throw new Refusal('key_required', { detail: `Name the key of ${name}: ${[...keys.keys()].join(', ')}.` })
  }
  const key = keys.get(readText(asked, 'key'))
  if (key === undefined) throw notFound('key')
  return key
}

function readText(value: unknown, name: string): string {
  if (typeof value === 'string' && value !== '') return value
  throw invalid(`${name} must be a text.`)
}

/** By the same rules as the path of a call, so that what is explained is what would be sent. */
function readPath(value: unknown, upstream: Upstream): { readonly path: string; readonly query: string } {
  const text = value === undefined ? '' : readText(value, 'path')
  if (text !== '' && !/^[/?]/.test(text)) throw invalid('path begins with a slash: /v1/things?limit=1.')
  const { path, query, ambiguity } = parseRequestPath(`https://edge.invalid/${upstream.name}${text}`)
  if (ambiguity !== null && upstream.encodedPath === 'refuse')
    throw invalidPath(`The path holds ${ambiguity}.`)
  return { path, query }
}

function readHeaders(value: unknown): Headers {
  const headers = new Headers()
  if (value === undefined) return headers
  for (const [name, text] of readObject(value, 'headers')) {
    if (typeof text !== 'string') throw invalid('headers must be names with texts.')
    try {
      headers.set(name, text)
    } catch {
      throw invalid('headers has a name or value that no header can have.')
    }
  }
  return headers
}

function readBody(value: unknown, { scheme }: Upstream, contentType: string | null): SignableBody {
  if (value === undefined) return { kind: 'empty' }
  const sha256 = typeof value === 'string' && value.length === 64 ? fromHex(value) : null
  if (sha256 === null) throw invalid('bodySha256 has 64 hexadecimal digits.')
  return scheme.bodyNeed(contentType) === 'none' ? { kind: 'unread' } : { kind: 'sha256', sha256 }
}
