/**
 * What design.md asks of every call, written plainly by hand for one team, one upstream and one route, without a
 * configuration, a rule or a check that a caller could fail. It verifies the token (once, then it knows it), takes units
 * from an object ahead of the calls, signs, chooses header fields both ways, forwards with a timeout and an end for a
 * client that leaves, streams, and writes the log line. What Countersign costs above it is Countersign's own.
 */
import { DurableObject } from 'cloudflare:workers'

export class TeamAccount extends DurableObject {
  take(units, used) {
    const { sql } = this.ctx.storage
    sql.exec('create table if not exists books (hour integer primary key, requests integer)')
    const hour = Math.floor(Date.now() / 3_600_000)
    sql.exec(
      'insert into books values (?, ?) on conflict do update set requests = requests + excluded.requests',
      hour,
      used,
    )
    this.ctx.storage.setAlarm(Date.now() + 60_000)
    return units
  }

  alarm() {}
}

export class Directory extends DurableObject {}

const encoder = new TextEncoder()
const emptyDigest = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
const forwarded = new Set([
  'accept',
  'accept-encoding',
  'accept-language',
  'content-digest',
  'content-length',
  'content-type',
  'user-agent',
])
const dropped = new Set(['connection', 'keep-alive', 'set-cookie', 'transfer-encoding', 'www-authenticate'])

const known = new Map()
let imported = null
let lease = { left: 0, taken: 0, until: 0 }
let calls = 0

const bytesOf = (text) => Uint8Array.fromBase64(text, { alphabet: 'base64url' })

const importKeys = async (env) => {
  const { issuer, jwks } = JSON.parse(env.BENCH_ISSUER)
  const [id, secret] = env.BENCH_KEY.split(':')
  return {
    id,
    issuer,
    verifying: await crypto.subtle.importKey(
      'jwk',
      jwks.keys[0],
      { name: 'ECDSA', namedCurve: 'P-256' },
      false,
      ['verify'],
    ),
    signing: await crypto.subtle.importKey(
      'raw',
      encoder.encode(secret),
      { name: 'HMAC', hash: 'SHA-256' },
      false,
      ['sign'],
    ),
  }
}

const verify = async (token, { issuer, verifying }) => {
  const found = known.get(token)
  if (found !== undefined && found.exp > Date.now() / 1_000) return found
  const [header, payload, signature] = token.split('.')
  const signed = encoder.encode(`${header}.${payload}`)
  const algorithm = { name: 'ECDSA', hash: 'SHA-256' }
  const good = await crypto.subtle.verify(algorithm, verifying, bytesOf(signature), signed)
  const claims = JSON.parse(new TextDecoder().decode(bytesOf(payload)))
  if (!good || claims.iss !== issuer || claims.exp <= Date.now() / 1_000) throw new Error('not a good token')
  if (known.size > 10_000) known.clear()
  known.set(token, claims)
  return claims
}

const admit = async (env) => {
  const now = Date.now()
  if (now >= lease.until || lease.left === 0) {
    const used = lease.taken - lease.left
    const taken = await env.ACCOUNTS.getByName('bench').take(100_000, used)
    lease = { left: taken, taken, until: now + 1_000 }
  }
  lease.left -= 1
}

const outgoing = async (request, target, { id, signing }) => {
  const headers = new Headers()
  for (const [name, value] of request.headers) if (forwarded.has(name)) headers.set(name, value)
  const seconds = Math.floor(Date.now() / 1_000)
  const given = request.headers.get('content-digest')
  const digest = given === null ? emptyDigest : Uint8Array.fromBase64(given.slice(9, -1)).toHex()
  const text = `${request.method}\n${target}\n${seconds}\n${digest}`
  const signature = new Uint8Array(await crypto.subtle.sign('HMAC', signing, encoder.encode(text))).toHex()
  headers.set('authorization', `Plugipay-HMAC-SHA256 keyId=${id}, scope=*, signature=${signature}`)
  headers.set('x-plugipay-timestamp', String(seconds))
  calls += 1
  headers.set('traceparent', `00-${calls.toString(16).padStart(32, '0')}-${'1'.repeat(16)}-00`)
  headers.set('cdn-loop', 'bench.example')
  headers.set('via', '1.1 bench')
  return headers
}

const dispatch = (request, url, headers) => {
  const { promise, resolve, reject } = Promise.withResolvers()
  const aborting = new AbortController()
  const end = (reason) => {
    aborting.abort()
    reject(new Error(reason))
  }
  const timer = setTimeout(() => end('timeout'), 30_000)
  const gone = () => end('the client left')
  request.signal.addEventListener('abort', gone)
  const { method, body } = request
  fetch(url, {
    method,
    headers,
    body,
    redirect: 'manual',
    cache: 'no-store',
    signal: aborting.signal,
  }).then(resolve, reject)
  return promise.finally(() => {
    clearTimeout(timer)
    request.signal.removeEventListener('abort', gone)
  })
}

const relay = (answer, requestId) => {
  const response = new Response(answer.body, answer)
  const { headers } = response
  for (const name of [...headers.keys()]) if (dropped.has(name)) headers.delete(name)
  headers.set('cache-control', 'private, no-store')
  headers.set('content-security-policy', "sandbox; default-src 'none'")
  headers.set('x-content-type-options', 'nosniff')
  headers.set('countersign-request-id', requestId)
  headers.set('ratelimit-policy', '"all";q=100000;w=1')
  headers.set('ratelimit', `"all";r=${lease.left};t=1`)
  return response
}

const answer = async (request, env) => {
  const began = Date.now()
  imported ??= await importKeys(env)
  const { team, sub } = await verify(request.headers.get('authorization').slice('Bearer '.length), imported)
  const { pathname, search } = new URL(request.url)
  const target = pathname.slice('/plugipay'.length) + search
  await admit(env)
  const headers = await outgoing(request, target, imported)
  const requestId = `req_${calls}`
  const answered = await dispatch(request, env.UPSTREAM + target, headers)
  const { method } = request
  const { status } = answered
  const millis = Date.now() - began
  console.log(JSON.stringify({ event: 'call', requestId, method, path: target, team, sub, status, millis }))
  return relay(answered, requestId)
}

export default {
  fetch(request, env, context) {
    const answering = answer(request, env)
    context.waitUntil(answering)
    return answering
  },
}
