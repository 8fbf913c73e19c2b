/**
 * What the Worker uses of Node's modules, which workerd has as well (`nodejs_compat`, on by itself from the
 * compatibility date on that wrangler.toml names). Node's own types do not fit into one program with the Worker's.
 */
declare module 'node:crypto' {
  interface Digester {
    update(message: Uint8Array): Digester
    digest(): Uint8Array
  }

  export function createHash(algorithm: 'md5'): Digester
  export function createHmac(algorithm: 'md5', secret: Uint8Array): Digester
}
