import { describe, expect, test } from 'vitest'
import { logFieldCharsMax } from '../../src/core/limits.ts'
import type { Caller } from '../../src/core/permit.ts'
import { Refusal } from '../../src/core/problems.ts'
import type { Call } from '../../src/http/call.ts'
import { Fields } from '../../src/http/fields.ts'
import { callLine } from '../../src/http/log.ts'
import { fine, pipeline, pipelineConfig } from './pipeline.ts'

const fields = [
  ...[
    'event',
    'id',
    'time',
    'millis',
    'method',
    'status',
    'outcome',
    'team',
    'issuer',
    'subject',
    'upstream',
  ],
  ...['key', 'version', 'route', 'code', 'owner', 'reason'],
]

const call = (changes: Partial<Call> = {}): Call => ({
  id: 'id-1',
  startedAt: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
  method: 'GET',
  url: 'https://edge.test/',
  fields: new Fields(new Headers()),
  origin: null,
  own: false,
  signal: new AbortController().signal,
  waitUntil: () => {},
  caller: null,
  permit: null,
  outcome: null,
  version: null,
  ...changes,
})

describe('the line of a call', () => {
  test('says what happened in fixed fields', async () => {
    const { call: make, lines } = pipeline(fine)
    await make('/open/things?x=secret-query', { headers: { 'user-agent': 'secret-agent' } })
    expect(lines).toEqual([
      {
        event: 'call',
        id: expect.stringMatching(/^[0-9a-f]{16}-00001$/),
        time: '1970-01-01T00:16:40.000Z',
        millis: 0,
        method: 'GET',
        status: 200,
        outcome: '2xx',
        team: 'checkout',
        issuer: 'acme',
        subject: 'someone',
        upstream: 'open',
        key: 'main',
        version: 'OPEN_2',
        route: 'GET /things',
      },
    ])
  })

  test('has no other fields, whatever happens, and nothing of path, query, headers and bodies', async () => {
    const { call: make, lines } = pipeline(
      () => new Response('secret-answer', { headers: { 'x-a': 'secret-header' } }),
    )
    const init = {
      method: 'POST',
      body: 'secret-body',
      headers: { 'content-type': 'secret/type', 'x-trace-me': 'secret' },
    }
    for (const path of [
      '/open/any/secret-path',
      '/open/secret-path',
      '/secret-upstream/x',
      '/open/..%2fsecret',
    ]) {
      await make(`${path}?secret-query`, init)
    }
    await make('/open/things', { headers: { authorization: 'Bearer secret,token' } })
    await make('/open/things', { headers: { origin: 'https://secret.test', 'countersign-key': 'secret' } })
    expect(lines).toHaveLength(6)
    for (const line of lines) expect(fields).toEqual(expect.arrayContaining(Object.keys(line)))
    expect(JSON.stringify(lines)).not.toContain('secret')
  })

  test.each(['a'.repeat(1_000_000), '\u0000\n\r\u2028"\\'.repeat(10_000)])(
    'D02, H09: is one line of bounded length',
    (text) => {
      const issuer = [...pipelineConfig().issuers.values()][0]
      if (issuer === undefined) throw new Error('the issuer is not configured')
      const caller: Caller = {
        issuer,
        team: 'checkout',
        subject: text,
        tokenId: null,
        grantId: null,
        role: null,
        issuedAt: 0,
        expiresAt: 0,
        scopes: 'granted',
      }
      const line = callLine(call({ caller }), 500, 0, new Refusal('internal_error', { reason: text }))
      expect(line).not.toMatch(/[\n\r]/)
      expect(line.length).toBeLessThan(12 * logFieldCharsMax + 500)
      const { subject, reason } = JSON.parse(line)
      expect(subject.length).toBeLessThanOrEqual(logFieldCharsMax + 3)
      expect(reason.length).toBeLessThanOrEqual(logFieldCharsMax + 3)
    },
  )

  test('keeps a subject and a reason as long as the bound whole', () => {
    const reason = 'r'.repeat(logFieldCharsMax)
    expect(JSON.parse(callLine(call(), 500, 0, new Refusal('internal_error', { reason }))).reason).toBe(
      reason,
    )
  })
})
