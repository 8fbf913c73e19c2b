/**
 * `POST /api/explain`: how a call would be signed, without making it and without a signature that could be used.
 * For `admin` only, because it tells whether a key can be opened.
 */
import { type Bytes, fromHex } from '../../core/bytes.ts'
import type { Configuration, Key, Upstream } from '../../core/configuration.ts'
import { parseRequestPath, pathInvalid } from '../../core/path.ts'
import { malformed, Refusal } from '../../core/problems.ts'
import { forwardedMethods } from '../../core/route.ts'
import type { KeyStore } from '../../credentials/keys.ts'
import { explain } from '../../signing/explain.ts'
import type { SignableBody } from '../../signing/scheme.ts'
import { Fields } from '../fields.ts'
import { privateJson } from '../json.ts'
import { buildOutbound } from '../outbound.ts'
import { requireAdmin } from './authorize.ts'
import { type AdminCall, notFound, readJson, readMembers, readObject, readText } from './request.ts'

export interface ExplainDeps {
  readonly config: Pick<Configuration, 'upstreams'> & { readonly host: string }
  readonly keys: Pick<KeyStore, 'openToExplain'>
  readonly now: () => number
  readonly nonce: () => string
}

export async function explainCall(
  { request, administrator }: AdminCall,
  deps: ExplainDeps,
): Promise<Response> {
  requireAdmin(administrator)
  const { config, keys, now, nonce } = deps
  const asked = readMembers(await readJson(request), {
    upstream: readText,
    key: readText,
    method: readMethod,
    path: readText,
    headers: readHeaders,
    bodySha256: readSha256,
  })
  const { upstream: name = readText(undefined, 'upstream'), method = readMethod(undefined) } = asked
  const upstream = config.upstreams.get(name)
  if (upstream === undefined) throw notFound('upstream')
  const key = chooseKey(asked.key, upstream)
  const target = { method, upstream: name, ...targetOf(asked.path ?? '', upstream) }
  const { headers = new Headers() } = asked
  const body = bodyOf(asked.bodySha256, upstream, headers.get('content-type'))
  const outbound = buildOutbound({ upstream, target }, new Fields(headers), body, {
    loopName: config.host,
    nonce,
  })
  const { open, faults } = await keys.openToExplain(upstream, key)
  const explanation = await explain({
    scheme: upstream.scheme,
    key: open,
    keyName: key.name,
    keyFaults: faults,
    request: outbound.request,
    moment: { now: now(), nonce },
  })
  const routed = upstream.routes.match(method, target.path) !== null
  const mistakes = routed
    ? explanation.mistakes
    : [
        `No route of ${name} matches ${method} and this path: such a call is refused, and never signed.`,
        ...explanation.mistakes,
      ]
  return privateJson({ upstream: name, key: key.name, method, url: outbound.url, ...explanation, mistakes })
}

function readMethod(value: unknown): string {
  const method = forwardedMethods.find((one) => one === value)
  if (method !== undefined) return method
  throw malformed('method', `one of ${forwardedMethods.join(', ')}`)
}

/** As for a call: without a name, the only key there is. */
function chooseKey(asked: string | undefined, { name, keys }: Upstream): Key {
  const [only, ...others] = keys.values()
  const key = asked === undefined && others.length === 0 ? only : keys.get(asked ?? '')
  if (key !== undefined) return key
  if (asked !== undefined) throw notFound('key')
  throw new Refusal('key_required', { detail: `Name the key of ${name}: ${[...keys.keys()].join(', ')}.` })
}

/** By the same rules as the path of a call, so that what is explained is what would be sent. */
function targetOf(
  text: string,
  { name, encodedPath }: Upstream,
): { readonly path: string; readonly query: string } {
  if (!/^(?:[/?]|$)/.test(text))
    throw malformed('path', 'a text that begins with a slash: /v1/things?limit=1')
  const { path, query, ambiguity } = parseRequestPath(`https://edge.invalid/${name}${text}`)
  if (ambiguity !== null && encodedPath === 'refuse') throw pathInvalid(`Send a path without ${ambiguity}.`)
  return { path, query }
}

function readHeaders(value: unknown, name: string): Headers {
  const fields = readObject(value, name)
  try {
    if (fields.every((field): field is [string, string] => typeof field[1] === 'string'))
      return new Headers([...fields])
  } catch {
    // Falls through to the refusal below.
  }
  throw malformed(name, 'names and texts that a header can have')
}

function readSha256(value: unknown): Bytes {
  const sha256 = typeof value === 'string' && value.length === 64 ? fromHex(value) : null
  if (sha256 !== null) return sha256
  throw malformed('bodySha256', '64 hexadecimal digits')
}

function bodyOf(sha256: Bytes | undefined, { scheme }: Upstream, contentType: string | null): SignableBody {
  if (sha256 === undefined) return { kind: 'empty' }
  return scheme.bodyNeed(contentType) === 'none' ? { kind: 'unread' } : { kind: 'sha256', sha256 }
}
