import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { problems } from '../../src/core/problems.ts'
import { helpRoutes } from '../../src/http/help.ts'

const get = async (path: string): Promise<Response> => helpRoutes().request(path)

/** What HTML makes of the text. */
const escaped = (text: string): string =>
  text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;')

describe('the help page', () => {
  test.each(Object.entries(problems))(
    'of %s says what the table says',
    async (code, { title, help, status }) => {
      const response = await get(`/problems/${code}`)
      expect(response.status).toBe(200)
      expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8')
      const text = await response.text()
      for (const part of [code, title, help, `status ${status}`]) expect(text).toContain(escaped(part))
    },
  )

  test('of upstream_refused explains whose refusal it is', async () => {
    const response = await get('/problems/upstream_refused')
    expect(response.status).toBe(200)
    expect(await response.text()).toContain('The upstream refused the call')
  })

  test('of all lists every code with a link', async () => {
    const text = await (await get('/problems')).text()
    for (const code of Object.keys(problems)) expect(text).toContain(`href="/problems/${code}"`)
  })

  test.each(['nothing', '__proto__', 'constructor', '%3Cscript%3E', 'a%2fb'])(
    'of %s is 404, and repeats nothing',
    async (code) => {
      const response = await get(`/problems/${code}`)
      expect(response.status).toBe(404)
      expect(response.headers.get('countersign-error')).toBe('not_found')
      expect(await response.text()).not.toMatch(/<script|__proto__|constructor/)
    },
  )

  test('A04, A05: lets nothing in but its own style sheet, and is framed by nobody', async () => {
    const response = await get('/problems')
    const policy = response.headers.get('content-security-policy') ?? ''
    const style = /<style>(.*?)<\/style>/s.exec(await response.text())?.[1] ?? ''
    const digest = createHash('sha256').update(style).digest('base64')
    expect(policy).toBe(
      `default-src 'none'; style-src 'sha256-${digest}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    )
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    expect(response.headers.get('referrer-policy')).toBe('no-referrer')
  })
})
