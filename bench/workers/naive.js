/**
 * The same job as most first attempts do it: jose verifies every token, the signing key is imported for every
 * request, and every request writes its use to KV.
 */
import { createLocalJWKSet, jwtVerify } from 'jose'

const encoder = new TextEncoder()
let jwks

const hex = (buffer) => [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, '0')).join('')

export default {
  async fetch(request, env, context) {
    jwks ??= createLocalJWKSet(JSON.parse(env.BENCH_ISSUER).jwks)
    const token = request.headers.get('authorization').slice('Bearer '.length)
    const { payload } = await jwtVerify(token, jwks, {
      issuer: JSON.parse(env.BENCH_ISSUER).issuer,
      audience: env.BENCH_URL,
    })

    const url = new URL(request.url)
    const target = url.pathname.slice('/plugipay'.length) + url.search
    const body = request.body === null ? null : await request.arrayBuffer()
    const digest = hex(await crypto.subtle.digest('SHA-256', body ?? new ArrayBuffer(0)))
    const timestamp = String(Math.floor(Date.now() / 1000))
    const [id, secret] = env.BENCH_KEY.split(':')
    const key = await crypto.subtle.importKey(
      'raw',
      encoder.encode(secret),
      { name: 'HMAC', hash: 'SHA-256' },
      false,
      ['sign'],
    )
    const input = [request.method, target, timestamp, digest].join('\n')
    const signature = hex(await crypto.subtle.sign('HMAC', key, encoder.encode(input)))

    const headers = new Headers(request.headers)
    headers.set('authorization', `Plugipay-HMAC-SHA256 keyId=${id}, scope=*, signature=${signature}`)
    headers.set('x-plugipay-timestamp', timestamp)
    const answer = await fetch(env.UPSTREAM + target, {
      method: request.method,
      headers,
      body,
      redirect: 'manual',
    })
    const use = JSON.stringify({ team: payload.team, at: timestamp, status: answer.status })
    context.waitUntil(env.USAGE.put(`use:${payload.team}:${payload.sub}`, use))
    return answer
  },
}
