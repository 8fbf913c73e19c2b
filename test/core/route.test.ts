import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compileRoutes, type RouteTable } from '../../src/core/route.ts'

const tableOf = (routes: Readonly<Record<string, string>>): RouteTable =>
  compileRoutes(routes, (fault) => {
    throw new Error(`${fault.route}: ${fault.message}`)
  })

const faultsOf = (...routes: readonly string[]): readonly string[] => {
  const faults: string[] = []
  compileRoutes(Object.fromEntries(routes.map((route) => [route, 's'])), ({ route, message }) =>
    faults.push(`${route}: ${message}`),
  )
  return faults
}

describe('a route', () => {
  it('matches its path, and HEAD where it admits GET', () => {
    const table = tableOf({
      'GET /orders': 'read',
      'POST /orders': 'write',
      'DELETE|PUT /orders/*': 'change',
    })
    expect(table.match('GET', '/orders')?.scope).toBe('read')
    expect(table.match('HEAD', '/orders')?.scope).toBe('read')
    expect(table.match('POST', '/orders')?.scope).toBe('write')
    expect(table.match('PUT', '/orders/7')?.scope).toBe('change')
    for (const [method, path] of [
      ['PUT', '/orders'],
      ['GET', '/orders/'],
      ['GET', '/orders/7'],
      ['GET', '/Orders'],
      ['GET', '/order'],
      ['PUT', '/orders/'],
      ['PUT', '/orders/7/items'],
    ] as const)
      expect(table.match(method, path), `${method} ${path}`).toBeNull()
  })

  it('takes the base URL itself as /', () => {
    expect(tableOf({ 'GET /': 'root' }).match('GET', '')?.scope).toBe('root')
    expect(tableOf({ 'GET /': 'root' }).match('GET', '/')?.scope).toBe('root')
    expect(tableOf({ '* /**': 'all' }).match('GET', '')?.scope).toBe('all')
  })

  it('that is more specific decides, segment by segment, and then by method', () => {
    const table = tableOf({
      '* /**': 'any',
      'GET /a/**': 'rest',
      'GET /a/*': 'one',
      'GET /a/b': 'literal',
      'POST /*/b': 'star',
      '* /a/b': 'any-method',
      'GET /*/b/c': 'star-first',
    })
    expect(table.match('GET', '/a/b')?.scope).toBe('literal')
    expect(table.match('POST', '/a/b')?.scope).toBe('any-method')
    expect(table.match('GET', '/a/c')?.scope).toBe('one')
    expect(table.match('GET', '/a/b/c')?.scope).toBe('rest')
    expect(table.match('POST', '/x/b')?.scope).toBe('star')
    expect(table.match('GET', '/x/b')?.scope).toBe('any')
    expect(table.match('DELETE', '/a/c')?.scope).toBe('any')
  })

  it('P04: is the same for every spelling of one resource, and a decoded slash or star stays a letter', () => {
    const table = tableOf({
      'GET /a,b': 'comma',
      'GET /x/*/y': 'star',
      'GET /x/%2A/z': 'literal-star',
      'GET /p/q': 'two',
    })
    expect(table.match('GET', '/a%2Cb')?.scope).toBe('comma')
    expect(table.match('GET', '/a%2cb')?.scope).toBe('comma')
    expect(table.match('GET', '/p%2Fq')).toBeNull()
    expect(table.match('GET', '/x/*/z')?.scope).toBe('literal-star')
    expect(table.match('GET', '/x/1/z')).toBeNull()
    expect(table.match('GET', '/x/*/y')?.scope).toBe('star')
    const greedy = tableOf({ 'GET /a/*': 'one', 'GET /a/**': 'rest' })
    expect(greedy.match('GET', '/a/**')?.scope).toBe('one')
    expect(greedy.match('GET', '/a/%2A%2A')?.scope).toBe('one')
    expect(tableOf({ 'GET /%25ff': 'text' }).match('GET', '/%ff')).toBeNull()
    expect(tableOf({ 'GET /%41': 'letter' }).match('GET', '/%4%31')).toBeNull()
  })

  it('may have more segments than any other', () => {
    const pattern = (segments: number): string => '/a/*'.repeat(segments / 2)
    const path = (segments: number): string => '/a/x'.repeat(segments / 2)
    const table = tableOf({ [`GET ${pattern(32)}`]: 'many', [`GET ${pattern(34)}`]: 'more' })
    expect(table.match('GET', path(32))?.scope).toBe('many')
    expect(table.match('GET', path(34))?.scope).toBe('more')
    expect(table.match('GET', path(36))).toBeNull()
  })

  it('P07: has no relation to Object.prototype', () => {
    const table = tableOf({ 'GET /a': 's' })
    for (const path of ['/__proto__', '/constructor', '/toString'])
      expect(table.match('GET', path)).toBeNull()
    expect(tableOf({ 'GET /constructor': 's' }).match('GET', '/constructor')?.scope).toBe('s')
  })
})

describe('faults of routes', () => {
  it.each([
    ['GET', 'must read'],
    ['/a', 'must read'],
    ['get /a', 'must read'],
    ['GET  /a', 'must read'],
    ['GET /a b', 'must read'],
    ['GET|* /a', 'must read'],
    ['TRACE /a', 'is not forwarded'],
    ['GET /**/a', 'must come last'],
    ['GET /a//b', '// never matches'],
    ['GET /a/../b', 'dot segments'],
    ['GET /./b', 'dot segments'],
    ['GET /a;b', 'holds a character'],
    ['GET /%zz', 'holds a character'],
    ['GET /é', 'holds a character'],
  ])('%s %s', (route, message) => {
    expect(faultsOf(route)).toEqual([expect.stringContaining(message)])
  })

  it('are scopes that are none', () => {
    const faults: string[] = []
    compileRoutes(
      { 'GET /a': 's', 'GET /b': 'a b', 'GET /c': 1, 'GET /d': undefined, 'GET /e': '' },
      (fault) => faults.push(`${fault.route}: ${fault.message}`),
    )
    expect(faults).toEqual(
      ['b', 'c', 'd', 'e'].map((name) => expect.stringContaining(`GET /${name}: must be a scope`)),
    )
  })

  it('are two routes that are equally specific', () => {
    expect(faultsOf('GET /a', 'POST|GET /a')).toHaveLength(1)
    expect(faultsOf('GET /a,b', 'GET /a%2Cb')).toHaveLength(1)
    expect(faultsOf('GET|GET /a')).toHaveLength(1)
    expect(faultsOf('GET /a/*', 'GET /a/**', 'GET /*/a', 'HEAD /a/*', '* /a/*', 'GET /a/%2A')).toEqual([])
  })
})

/** The rule of the header of route.ts, said slowly: all patterns that match, the most specific first. */
const slowly = (
  routes: readonly (readonly [string, string])[],
  method: string,
  path: string,
): string | null => {
  const segments = path === '' ? [''] : path.slice(1).split('/')
  const bytes = (segment: string): string => Buffer.from(unescape(segment), 'latin1').toString('hex')
  const ranked = routes.flatMap(([text, scope]) => {
    const [methods = '', pattern = ''] = text.split(' ')
    const parts = pattern.slice(1).split('/')
    const rest = parts.at(-1) === '**'
    if (rest ? segments.length < parts.length : segments.length !== parts.length) return []
    const kinds: number[] = []
    for (const [index, part] of parts.entries()) {
      const segment = segments[index] ?? ''
      if (part === '**') kinds.push(2)
      else if (part === '*' && segment !== '') kinds.push(1)
      else if (part !== '*' && bytes(part) === bytes(segment)) kinds.push(0)
      else return []
    }
    return methods.split('|').flatMap((name) => {
      const rank = name === method ? 0 : name === 'GET' && method === 'HEAD' ? 1 : name === '*' ? 2 : null
      return rank === null ? [] : [{ order: [...kinds.map(String), '', String(rank)].join('|'), scope }]
    })
  })
  return ranked.sort((one, other) => (one.order < other.order ? -1 : 1))[0]?.scope ?? null
}

describe('compiled and slowly', () => {
  it('P04: agree on 100,000 random calls of random tables', { timeout: 60_000 }, () => {
    const literal = fc.constantFrom('a', 'b', 'a,b', 'a%2Cb', '%2A', 'a*b', '%25ff', '%ff', '%FF', 'A', '%41')
    const pattern = fc
      .tuple(fc.array(fc.oneof(literal, fc.constant('*')), { maxLength: 3 }), fc.constantFrom('', '/', '/**'))
      .map(([parts, end]) =>
        parts.length === 0 && end === '' ? '/' : `${parts.map((part) => `/${part}`).join('')}${end}`,
      )
    const route = fc.tuple(fc.constantFrom('GET', 'HEAD', 'POST', '*', 'GET|POST', 'HEAD|DELETE'), pattern)
    const call = fc.tuple(
      fc.constantFrom('GET', 'HEAD', 'POST', 'DELETE'),
      fc.array(fc.oneof(literal, fc.constantFrom('*', '**', '', 'c', 'a%2cb', '%4%31')), { maxLength: 4 }),
    )
    let calls = 0
    let matched = 0
    fc.assert(
      fc.property(
        fc.array(route, { maxLength: 8 }),
        fc.array(call, { minLength: 50, maxLength: 50 }),
        (lines, made) => {
          const written = Object.fromEntries(
            lines.map(([methods, path], index) => [`${methods} ${path}`, `s${index}`]),
          )
          const routes = Object.entries(written)
          let faulty = false
          const table = compileRoutes(written, () => {
            faulty = true
          })
          if (faulty) return
          for (const [method, parts] of made) {
            const path = parts.map((part) => `/${part}`).join('')
            const found = table.match(method, path)?.scope ?? null
            const expected = slowly(routes, method, path)
            if (found !== expected) throw new Error(`${method} ${path}: ${found}, not ${expected}`)
            calls += 1
            if (found !== null) matched += 1
          }
        },
      ),
      { numRuns: 4_000 },
    )
    expect(calls).toBeGreaterThan(100_000)
    expect(matched).toBeGreaterThan(10_000)
  })
})
