import { expect, test } from 'vitest'
import { cliClientId, unnamedClientId } from '../../src/core/reserved.ts'
import { readClientId } from '../../src/tokens/clients.ts'

const clients = new Map([['shop', { id: 'shop', redirectUris: [] }]])
const read = (fields: Record<string, string>) => readClientId(new Map(Object.entries(fields)), clients)

test('knows the built-in client, those of the configuration, and who names none', () => {
  expect(read({ client_id: cliClientId })).toBe(cliClientId)
  expect(read({ client_id: 'shop' })).toBe('shop')
  expect(read({})).toBe(unnamedClientId)
})

test.each(['other', 'Shop', 'constructor', unnamedClientId])('refuses the client %s', (id) => {
  expect(() => read({ client_id: id })).toThrow(expect.objectContaining({ code: 'invalid_client' }))
})
