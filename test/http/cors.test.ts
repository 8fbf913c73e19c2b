import { describe, expect, test } from 'vitest'
import { addCorsHeaders, createPreflight } from '../../src/http/cors.ts'
import { configuration } from './configuration.ts'
import { pipelineConfig, upstreams } from './pipeline.ts'

/** What app.test.ts shows from outside is not repeated here: this is what a deployment without browsers answers. */
describe('without any origin in the configuration', () => {
  const config = configuration({ upstreams, teams: { checkout: { grants: {} } } })

  test('an answer has no CORS headers and no Vary, whatever Origin is sent', () => {
    const headers = new Headers()
    addCorsHeaders(headers, 'https://shop.test', config)
    expect([...headers]).toEqual([])
  })

  test('a preflight allows nothing, and still says which methods there are', () => {
    const response = createPreflight(config)('https://shop.test')
    expect(response.status).toBe(204)
    expect([...response.headers]).toEqual([['allow', 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS']])
  })
})

test('a mark is one origin and never *, because answers differ', () => {
  const headers = new Headers({ vary: 'accept' })
  addCorsHeaders(headers, 'https://other-shop.test', pipelineConfig())
  expect(headers.get('access-control-allow-origin')).toBe('https://other-shop.test')
  expect(headers.get('vary')).toBe('accept, Origin')
})
