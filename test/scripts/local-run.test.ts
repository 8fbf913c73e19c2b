import { execFile } from 'node:child_process'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import { decodeProtectedHeader, importJWK, type JWK, jwtVerify } from 'jose'
import { describe, expect, it } from 'vitest'
import { Complaint } from '../../scripts/complaint.ts'
import { firstCalls } from '../../scripts/first-calls.ts'
import {
  grantedScope,
  sandboxConfiguration,
  showFaults,
  unsetBindings,
} from '../../scripts/local-configuration.ts'
import { mintLocalToken } from '../../scripts/local-token.ts'
import { requireFreePort } from '../../scripts/local-worker.ts'
import { showLogLine, showNextSteps } from '../../scripts/screen.ts'
import { makeSecret } from '../../src/sandbox/secrets.ts'

const url = 'http://127.0.0.1:8787'
const configuration = sandboxConfiguration(8787)

describe('a local token', () => {
  it('is what the token service issues: RFC 9068, ten minutes, one team', async () => {
    const signingKey = makeSecret['COUNTERSIGN_SIGNING_KEY']?.() ?? ''
    const token = await mintLocalToken(signingKey, { url, team: 'checkout', scope: 'plugipay:*' })
    const { d: _private, ...publicKey } = JSON.parse(signingKey) as JWK
    const { payload } = await jwtVerify(token, await importJWK(publicKey, 'EdDSA'), {
      typ: 'at+jwt',
      issuer: url,
      audience: url,
      requiredClaims: ['sub', 'jti', 'gid', 'client_id', 'iat', 'exp'],
    })
    expect(payload).toMatchObject({ team: 'checkout', scope: 'plugipay:*' })
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(600)
    expect(decodeProtectedHeader(token).kid).toBe(publicKey.kid)
  })

  it('is signed by the first of several keys', async () => {
    const keys = [makeSecret['COUNTERSIGN_SIGNING_KEY']?.(), makeSecret['COUNTERSIGN_SIGNING_KEY']?.()]
    const token = await mintLocalToken(`[${keys.join(',')}]`, { url, team: 'checkout', scope: '' })
    expect(decodeProtectedHeader(token).kid).toBe((JSON.parse(keys[0] ?? '') as JWK).kid)
  })

  it.each(['', 'nonsense', '{}', '[]', '{"kty":"OKP"}'])(
    'is refused for the key %j, which is not quoted',
    async (text) => {
      const minting = mintLocalToken(text, { url, team: 'checkout', scope: '' })
      await expect(minting).rejects.toThrow(Complaint)
      if (text !== '') await expect(minting).rejects.not.toThrow(text)
    },
  )
})

describe('--help', () => {
  it.each([
    ['scripts/start.ts', '--help', 'Usage: npm start -- [--once]'],
    ['scripts/token.ts', '-h', 'Usage: npm run token -- --team'],
  ])('of %s is no mistake: usage on stdout, exit 0', async (script, flag, usage) => {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [script, flag])
    expect([stdout.slice(0, usage.length), stderr]).toEqual([usage, ''])
  })
})

describe('--port', () => {
  it.each([
    ['scripts/start.ts', ['--once']],
    ['scripts/token.ts', ['--team', 'checkout']],
  ])('of %s that is none is told as such', async (script, more) => {
    for (const port of ['x', '99999', '-1']) {
      const args = [resolve(script), ...more, `--port=${port}`]
      // Away from the secrets of this folder, which a token would be asked for first.
      const run = promisify(execFile)(process.execPath, args, { cwd: tmpdir() })
      await expect(run).rejects.toMatchObject({
        code: 1,
        stderr: expect.stringMatching('^\n--port takes a number'),
      })
    }
  })
})

describe("the sandboxes' configuration", () => {
  it('grants each first call to the team that makes it', () => {
    for (const { team, upstream, method, path } of firstCalls) {
      const grant = configuration.teams.get(team)?.grants.get(upstream)
      const route = grant?.upstream.routes.match(method, path.split('?')[0] ?? '')
      const { exact, prefixes } = grant?.scopes ?? { exact: new Set<string>(), prefixes: [] }
      const granted =
        exact.has(route?.scope ?? '') || prefixes.some((prefix) => route?.scope.startsWith(prefix))
      expect([team, upstream, granted]).toEqual([team, upstream, true])
    }
    expect(new Set(firstCalls.map(({ upstream }) => upstream))).toEqual(
      new Set(configuration.upstreams.keys()),
    )
  })

  it('has its secrets made up, all of them', () => {
    expect(unsetBindings(configuration, {}).map(({ binding }) => binding)).toEqual(
      expect.arrayContaining(['PLUGIPAY_LIVE', 'ORDERS_KEY_2', 'ORDERS_KEY_1']),
    )
    const made = Object.fromEntries(Object.entries(makeSecret).map(([name, make]) => [name, make()]))
    const faults = unsetBindings(configuration, made).map(({ fault }) => fault)
    expect(new Set(faults)).toEqual(new Set(['made up for the sandboxes']))
    const real = Object.fromEntries(Object.keys(makeSecret).map((name) => [name, 'set by a person']))
    expect(unsetBindings(configuration, real)).toEqual([])
  })

  it('says what a team was granted, as the scope of a token', () => {
    expect(grantedScope(configuration, 'assistant')).toBe('pluggedin:read:servers pluggedin:read:documents')
    expect(grantedScope(configuration, 'security')).toBe('plexicus:*')
    expect(() => grantedScope(configuration, 'nobody')).toThrow('It has: checkout, finance')
  })
})

describe('what a person is told', () => {
  it('names every fault with its path', () => {
    const faults = [
      { path: 'teams.a', message: 'is wrong' },
      { path: '', message: 'must be an object' },
    ]
    expect(showFaults('own.config.ts', faults)).toBe(
      'own.config.ts has 2 faults:\n  teams.a: is wrong\n  (the whole): must be an object',
    )
  })

  it('names the port that is taken, and who needs it', async () => {
    const server = createServer()
    const port = await new Promise<number>((resolve) => {
      server.listen(0, '127.0.0.1', () => {
        const address = server.address()
        resolve(typeof address === 'object' && address !== null ? address.port : 0)
      })
    })
    await expect(requireFreePort(port, 'Countersign')).rejects.toThrow(
      `Port ${port}, which Countersign needs, is taken`,
    )
    await new Promise((resolve) => server.close(resolve))
    await requireFreePort(port, 'Countersign')
  })

  it('shows the commands that reach this very Countersign, also on another port', () => {
    const usual = showNextSteps({ origin: url, token: 't' })
    expect(usual).toContain('npx countersign login, in')
    expect(usual).toContain('npm run token -- --team checkout')
    const moved = showNextSteps({ origin: 'http://127.0.0.1:9000', token: 't' })
    expect(moved).toContain('npx countersign login --url http://127.0.0.1:9000, in')
    expect(moved).toContain('npm run token -- --port 9000 --team checkout')
  })

  it('says of a call that the upstream refused that it was the upstream', () => {
    const call = { event: 'call', time: '2026-11-22T17:00:01.000Z', upstream: 'orders', route: 'GET /orders' }
    expect(showLogLine(JSON.stringify({ ...call, status: 401, outcome: '4xx' }))).toMatch(
      / {2}answered by orders$/,
    )
    expect(showLogLine(JSON.stringify({ ...call, status: 200, outcome: '2xx' }))).not.toContain('answered by')
    const ours = showLogLine(JSON.stringify({ ...call, status: 429, code: 'rate_limited' }))
    expect(ours).not.toContain('answered by')
  })

  it('shows a call of the log in one line, and other lines as they are', () => {
    const call = {
      event: 'call',
      time: '2026-11-22T17:00:01.000Z',
      status: 403,
      method: 'GET',
      team: 'checkout',
      millis: 2,
    }
    const line = showLogLine(JSON.stringify({ ...call, code: 'scope_insufficient', reason: 'no order:read' }))
    expect(line).toContain('17:00:01  403  GET')
    expect(line).toContain('scope_insufficient: no order:read')
    for (const other of ['not json', '{"event":"other"}', '[]', 'null'])
      expect(showLogLine(other)).toBe(other)
  })
})
