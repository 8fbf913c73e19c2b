import { expect, it } from 'vitest'
import { createFetch } from '../../src/client/index.ts'

const origin = 'https://edge.acme.example'

it('runs in workerd: exchanges once for calls at the same time and carries the JWT', async () => {
  const seen: string[] = []
  const fetch = createFetch({
    url: origin,
    token: 'cst_made-up',
    fetch: async (input, init) => {
      const request = new Request(input, init)
      seen.push(`${new URL(request.url).pathname} ${request.headers.get('authorization')}`)
      if (!request.url.endsWith('/oauth/token')) return new Response('ok')
      expect((await request.formData()).get('resource')).toBe(origin)
      return Response.json({ access_token: 'jwt', token_type: 'Bearer', expires_in: 600 })
    },
  })
  const answers = await Promise.all([fetch('/plugipay/a'), fetch(new Request(`${origin}/plugipay/b`))])
  expect(await Promise.all(answers.map((answer) => answer.text()))).toEqual(['ok', 'ok'])
  expect(seen).toEqual(['/oauth/token null', '/plugipay/a Bearer jwt', '/plugipay/b Bearer jwt'])
})
