import { describe, expect, test } from 'vitest'
import { type ProblemCode, problems, Refusal } from '../../src/core/problems.ts'
import { problemResponse } from '../../src/http/problem.ts'

const site = { url: 'https://edge.test', own: false }
const codes = Object.keys(problems) as ProblemCode[]
const answer = (refusal: Refusal): Response => problemResponse(refusal, 'id-1', site)

/** As callers were promised them, row by row. */
const promised: Readonly<Record<number, readonly string[]>> = {
  400: ['path_invalid', 'header_invalid', 'key_required', 'digest_unsupported', 'request_invalid'],
  401: ['token_missing', 'token_invalid', 'token_expired', 'token_revoked'],
  403: ['scope_insufficient', 'route_not_allowed', 'key_not_granted', 'origin_not_allowed', 'team_suspended'],
  // not_found: a thing of the administration that is not there.
  404: ['upstream_unknown', 'not_found'],
  405: ['method_not_allowed'],
  412: ['precondition_failed'],
  413: ['body_too_large'],
  429: ['rate_limited'],
  500: ['internal_error', 'config_invalid', 'signer_error'],
  502: ['upstream_unreachable', 'upstream_bad_response'],
  503: ['credential_unavailable', 'account_unavailable', 'issuer_unavailable', 'overloaded'],
  504: ['upstream_timeout'],
  508: ['loop_detected'],
}

describe('the problems', () => {
  test('are those that callers were promised, with their statuses', () => {
    const made: Record<number, string[]> = {}
    for (const code of codes) {
      const { status } = problems[code]
      made[status] = [...(made[status] ?? []), code]
    }
    const sorted = (table: Readonly<Record<number, readonly string[]>>) =>
      Object.fromEntries(Object.entries(table).map(([status, names]) => [status, [...names].sort()]))
    expect(sorted(made)).toEqual(sorted(promised))
  })

  test.each(codes)('%s becomes an RFC 9457 answer that names itself', async (code) => {
    const response = answer(new Refusal(code))
    expect(response.status).toBe(problems[code].status)
    expect(response.headers.get('content-type')).toBe('application/problem+json')
    expect(response.headers.get('countersign-error')).toBe(code)
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    expect(await response.json()).toEqual({
      type: `https://edge.test/problems/${code}`,
      title: problems[code].title,
      status: problems[code].status,
      detail: problems[code].help,
      code,
      requestId: 'id-1',
    })
  })

  test('tell the detail and the members, and keep the reason to themselves', async () => {
    const refusal = new Refusal('rate_limited', {
      detail: 'Wait.',
      reason: 'inner reason',
      headers: { 'retry-after': '3' },
      members: { limit: 'writes' },
    })
    const response = answer(refusal)
    const text = await response.text()
    expect(JSON.parse(text)).toMatchObject({ detail: 'Wait.', limit: 'writes' })
    expect(text + JSON.stringify([...response.headers])).not.toContain('inner reason')
    expect(response.headers.get('retry-after')).toBe('3')
  })
})

describe('WWW-Authenticate (RFC 6750 section 3, RFC 9728 section 5.1)', () => {
  const metadata = 'resource_metadata="https://edge.test/.well-known/oauth-protected-resource"'
  const challenge = (refusal: Refusal): string | null => answer(refusal).headers.get('www-authenticate')

  test('has no error when no token was sent', () => {
    expect(challenge(new Refusal('token_missing'))).toBe(`Bearer realm="countersign", ${metadata}`)
  })

  test.each(['token_invalid', 'token_expired', 'token_revoked'] as const)(
    'calls %s an invalid token',
    (code) => {
      expect(challenge(new Refusal(code))).toBe(
        `Bearer realm="countersign", error="invalid_token", ${metadata}`,
      )
    },
  )

  test('P02: names the scope that is missing', () => {
    const refusal = new Refusal('scope_insufficient', { members: { scope: 'pay:customer:read' } })
    expect(challenge(refusal)).toBe(
      `Bearer realm="countersign", error="insufficient_scope", scope="pay:customer:read", ${metadata}`,
    )
  })

  test('leads to the document of the resource that refused: calls, or the administration', () => {
    const { headers } = problemResponse(new Refusal('token_missing'), 'id-1', { ...site, own: true })
    const document = 'https://edge.test/.well-known/oauth-protected-resource/api'
    expect(headers.get('www-authenticate')).toBe(
      `Bearer realm="countersign", resource_metadata="${document}"`,
    )
  })

  test('is sent with no other problem', () => {
    const others = codes.filter((code) => problems[code].status !== 401 && code !== 'scope_insufficient')
    expect(others.length).toBeGreaterThan(15)
    for (const code of others) expect(challenge(new Refusal(code)), code).toBe(null)
  })
})
