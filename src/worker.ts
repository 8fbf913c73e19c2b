/**
 * The composition root: configuration and bindings become the app. Everything else takes what it needs as an
 * argument.
 */
import { DurableObject } from 'cloudflare:workers'
import config from '#config'
import { unmetered } from './accounts/unmetered.ts'
import { parseConfig } from './config/parse.ts'
import { readOwnSecrets } from './config/secrets.ts'
import { KeyStore } from './credentials/keys.ts'
import { MintedTokens } from './credentials/minted.ts'
import { createApp, type Lifetime } from './http/app.ts'
import { Buffers } from './http/buffers.ts'
import { createNonce } from './http/nonce.ts'
import { createVerifier } from './identity/verifier.ts'

export { Directory } from './tokens/directory.ts'

export class TeamAccount extends DurableObject {}

type Handler = (request: Request, lifetime: Lifetime) => Promise<Response>

const now = (): number => Date.now()
const log = (line: string): void => console.log(line)
const send = (url: string, init: RequestInit): Promise<Response> => fetch(url, init)

const assemble = async (env: Cloudflare.Env): Promise<Handler> => {
  const bindings: Readonly<Record<string, unknown>> = { ...env }
  const secrets = await readOwnSecrets(bindings)
  const parsed = parseConfig(config, { signingKeys: secrets.signingKeys.length > 0 })
  const faults = 'faults' in parsed ? [...parsed.faults, ...secrets.faults] : secrets.faults
  if ('faults' in parsed || faults.length > 0) {
    log(JSON.stringify({ event: 'config_invalid', faults }))
    return createApp({ kind: 'faulty', faults }, [], { now, log })
  }
  const verifier = createVerifier({
    config: parsed.config,
    ownKeys: secrets.signingKeys.map(({ publicJwk }) => publicJwk),
    fetch: send,
  })
  const deps = {
    config: parsed.config,
    verify: verifier.verify,
    accounts: unmetered,
    keys: new KeyStore({ bindings, now }),
    minted: new MintedTokens({ fetch: send }),
    buffers: new Buffers(),
    fetch: send,
    now,
    nonce: createNonce((bytes) => crypto.getRandomValues(bytes)),
  }
  return createApp({ kind: 'ready', deps }, [], { now, log })
}

/**
 * One per isolate. Requests that come while it is made each make their own and then all use the first: a
 * promise shared between requests would hang with the one that began it.
 */
let handler: Handler | null = null

export default {
  async fetch(request, env, context) {
    if (handler === null) {
      const made = await assemble(env)
      handler ??= made
    }
    return handler(request, context)
  },
} satisfies ExportedHandler<Cloudflare.Env>
