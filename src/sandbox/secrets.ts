/**
 * The secrets of a local installation, made up at random: what the sandboxes verify with and the Worker signs with.
 * They have the form of the real ones and open nothing but the sandboxes of this machine.
 */
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import type { BearerKey } from './bearer.ts'
import type { HmacKey } from './orders.ts'
import type { PlugipayKey } from './plugipay-signature.ts'

/** Stands in every made-up upstream secret, so that nobody takes one for a real one. */
export const sandboxMark = 'SANDBOX'

/** How each secret binding of `config.ts` is made up. */
export const makeSecret: Readonly<Record<string, () => string>> = {
  COUNTERSIGN_ADMIN_KEY: () => `sandbox-admin-${randomText(32)}`,
  COUNTERSIGN_SIGNING_KEY: () => {
    const { privateKey } = generateKeyPairSync('ed25519')
    return JSON.stringify({
      ...privateKey.export({ format: 'jwk' }),
      kid: `sandbox-${randomText(6)}`,
      alg: 'EdDSA',
    })
  },
  PLUGIPAY_LIVE: () => `pk_live_${sandboxMark}${randomText(12)}:sk_live_${sandboxMark}${randomText(32)}`,
  PLUGIPAY_TEST: () => `pk_test_${sandboxMark}${randomText(12)}:sk_test_${sandboxMark}${randomText(32)}`,
  PLUGGEDIN_KEY: () => `pk_live_${sandboxMark}${randomText(24)}`,
  PLEXICUS_TOKEN: () => `plx_${sandboxMark}${randomText(32)}`,
  ONEPIN_KEY: () => `op_live_${sandboxMark}${randomText(25)}`,
  ORDERS_KEY_1: () => `orders-1:${sandboxMark}${randomText(32)}`,
  ORDERS_KEY_2: () => `orders-2:${sandboxMark}${randomText(32)}`,
}

/** Lower-case letters and digits. */
function randomText(chars: number): string {
  return Array.from(randomBytes(chars), (byte) => 'abcdefghijklmnopqrstuvwxyz012345'.charAt(byte % 32)).join(
    '',
  )
}

export interface SandboxKeys {
  readonly plugipay: readonly PlugipayKey[]
  readonly pluggedin: readonly BearerKey[]
  readonly plexicus: readonly BearerKey[]
  readonly onepin: readonly BearerKey[]
  readonly orders: readonly HmacKey[]
}

/** The keys that the sandboxes accept, from the values of the bindings; a binding without a value opens nothing. */
export function sandboxKeys(bindings: Readonly<Record<string, string>>): SandboxKeys {
  return {
    plugipay: pairs(bindings, ['PLUGIPAY_LIVE', 'PLUGIPAY_TEST']).map((pair) => ({
      ...pair,
      workspace: 'acme',
    })),
    pluggedin: token(bindings, 'PLUGGEDIN_KEY', {
      name: 'pluggedin-key',
      scopes: ['read:servers', 'read:documents', 'write:documents'],
      requestsPerMinute: 600,
    }),
    plexicus: token(bindings, 'PLEXICUS_TOKEN', { name: 'plexicus-token', scopes: ['read', 'write'] }),
    onepin: token(bindings, 'ONEPIN_KEY', { name: 'onepin-key', scopes: ['workflows:read', 'voices:read'] }),
    orders: pairs(bindings, ['ORDERS_KEY_1', 'ORDERS_KEY_2']),
  }
}

function pairs(
  bindings: Readonly<Record<string, string>>,
  names: readonly string[],
): readonly { readonly id: string; readonly secret: string }[] {
  return names.flatMap((name) => {
    const value = bindings[name] ?? ''
    const colon = value.indexOf(':')
    return colon < 0 ? [] : [{ id: value.slice(0, colon), secret: value.slice(colon + 1) }]
  })
}

function token(
  bindings: Readonly<Record<string, string>>,
  name: string,
  key: Omit<BearerKey, 'token'>,
): readonly BearerKey[] {
  const value = bindings[name]
  return value === undefined ? [] : [{ ...key, token: value }]
}
