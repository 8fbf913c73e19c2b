import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { listen, type Sandbox } from '../../src/sandbox/listen.ts'
import { onepinApi } from '../../src/sandbox/onepin.ts'
import { plexicusApi } from '../../src/sandbox/plexicus.ts'
import { pluggedinApi } from '../../src/sandbox/pluggedin.ts'
import { plugipayApi } from '../../src/sandbox/plugipay.ts'
import { onepin, plexicus, pluggedin, plugipay } from '../../src/upstreams/index.ts'
import { type Sent, sendTo } from './send.ts'
import { signPlugipay } from './sign-plugipay.ts'

const keys = { main: 'KEY' }
const key = { id: 'pk_test_made_up', secret: 'sk_test_made_up', workspace: 'acme' }
const bearer = (token: string, scopes: readonly string[]) => [{ name: 'made-up', token, scopes }]
const withToken = (token: string) => (sent: Sent) => ({
  ...sent,
  headers: { authorization: `Bearer ${token}` },
})

const pairs = [
  {
    name: 'plugipay',
    definition: plugipay({ keys }),
    api: plugipayApi([key]),
    sign: (sent: Sent) => signPlugipay(sent, key),
  },
  {
    name: 'pluggedin',
    definition: pluggedin({ keys }),
    api: pluggedinApi(bearer('pk_live_x', ['read:servers', 'read:documents'])),
    sign: withToken('pk_live_x'),
  },
  {
    name: 'plexicus',
    definition: plexicus({ keys, url: 'https://plexicus.example' }),
    api: plexicusApi(bearer('plx_x', ['read'])),
    sign: withToken('plx_x'),
  },
  {
    name: 'onepin',
    definition: onepin({ keys }),
    api: onepinApi(bearer('op_live_x', ['workflows:read'])),
    sign: withToken('op_live_x'),
  },
] as const

describe.each(pairs)('the sandbox of $name', ({ definition, api, sign }) => {
  let sandbox: Sandbox
  beforeAll(async () => {
    sandbox = await listen('tested', api)
  })
  afterAll(() => sandbox.close())

  const lists = Object.keys(definition.routes)
    .filter((route) => route.startsWith('GET ') && !route.includes('*'))
    .map((route) => route.slice('GET '.length))

  it.each(lists)('answers %s, which a route of the catalogue opens', async (target) => {
    const answer = await sendTo(sandbox.url, sign({ method: 'GET', target }))
    expect([answer.status, answer.text]).toEqual([200, expect.stringMatching(/^[[{]/)])
  })

  it('answers the call that probes a key', async () => {
    const target = definition.probe?.slice('GET '.length) ?? lists[0] ?? ''
    expect((await sendTo(sandbox.url, sign({ method: 'GET', target }))).status).toBe(200)
  })
})
