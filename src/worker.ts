/**
 * The composition root: configuration and bindings become the app. Everything else takes what it needs as an
 * argument.
 */
import config from '#config'
import { accountName } from './accounts/account-rpc.ts'
import { type AccountConfig, teamAccount } from './accounts/team-account.ts'
import { createWallet } from './accounts/wallet.ts'
import { parseConfig } from './config/parse.ts'
import { bindingText, type OwnSecrets, readOwnSecrets } from './config/secrets.ts'
import type { Configuration } from './core/configuration.ts'
import { KeyStore } from './credentials/keys.ts'
import { MintedTokens } from './credentials/minted.ts'
import { accountRevocations } from './http/account-revocations.ts'
import { accountRoutes } from './http/admin/account-routes.ts'
import { explainRoutes } from './http/admin/explain.ts'
import { administrationRoutes, createGuard } from './http/admin/routes.ts'
import { createApp, type Lifetime } from './http/app.ts'
import { type Assembly, onePerIsolate } from './http/assembly.ts'
import { Buffers } from './http/buffers.ts'
import { createNonce } from './http/nonce.ts'
import { oauthRoutes } from './http/oauth/app.ts'
import { pageRoutes } from './http/pages/routes.ts'
import { createProvider } from './http/sign-in/provider.ts'
import { createVerifier } from './identity/verifier.ts'
import { directoryName } from './tokens/directory-rpc.ts'
import { openSigner } from './tokens/signing-keys.ts'
import type { TokenService } from './tokens/token-service.ts'

export { Directory } from './tokens/directory.ts'

type Handler = (request: Request, lifetime: Lifetime) => Promise<Response>

const now = (): number => Date.now()
const log = (line: string): void => console.log(line)
const send = (url: string, init: RequestInit): Promise<Response> => fetch(url, init)

/** What an account needs of the configuration that is deployed with it; parsed once, and not at all before a sync. */
let accountsConfig: Configuration | null = null

const configOfAccount = (team: string): AccountConfig | null => {
  if (accountsConfig === null) {
    // Whether there are signing keys matters to issuers, not to limits.
    const parsed = parseConfig(config, { signingKeys: true })
    if ('faults' in parsed) return null
    accountsConfig = parsed.config
  }
  const found = accountsConfig.teams.get(team)
  if (found === undefined) return null
  return { limits: found.limits, rollupMinutes: accountsConfig.usage.rollupMinutes }
}

export class TeamAccount extends teamAccount({ configOf: configOfAccount, now, log }) {}

const assemble = async (env: Cloudflare.Env): Promise<Assembly<Handler>> => {
  const bindings: Readonly<Record<string, unknown>> = { ...env }
  const secrets = await readOwnSecrets(bindings)
  const parsed = parseConfig(config, { signingKeys: secrets.signingKeys.length > 0 })
  const faults = 'faults' in parsed ? [...parsed.faults, ...secrets.faults] : secrets.faults
  if ('faults' in parsed || faults.length > 0 || secrets.adminKey === null) {
    log(JSON.stringify({ event: 'config_invalid', faults }))
    return { app: createApp({ kind: 'faulty', faults }, [], { now, log }), faulty: true }
  }
  const verifier = createVerifier({
    config: parsed.config,
    ownKeys: secrets.signingKeys.map(({ publicJwk }) => publicJwk),
    fetch: send,
  })
  const openAccount = (team: string) => env.ACCOUNTS.get(env.ACCOUNTS.idFromName(accountName(team)))
  const deps = {
    config: parsed.config,
    verify: verifier.verify,
    accounts: createWallet({
      openAccount,
      newIdentity: () => crypto.randomUUID(),
      setTimer: (run, millis) => {
        const timer = setTimeout(run, millis)
        return () => clearTimeout(timer)
      },
      onSyncFailed: (team, error) =>
        log(JSON.stringify({ event: 'account_unreachable', team, reason: String(error) })),
    }),
    keys: new KeyStore({ bindings, now }),
    minted: new MintedTokens({ fetch: send }),
    buffers: new Buffers(),
    fetch: send,
    now,
    nonce: createNonce((bytes) => crypto.getRandomValues(bytes)),
  }
  const service = await tokenService(secrets, {
    config: parsed.config,
    directory: () => env.DIRECTORY.getByName(directoryName),
    accounts: accountRevocations(openAccount, { now }),
    verifier,
    fingerprintKey: secrets.adminKey,
    now,
    randomBytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
  })
  const { signIn, url } = parsed.config
  const provider =
    signIn === null
      ? null
      : createProvider({
          signIn,
          clientSecret: async () => (await bindingText(bindings[signIn.clientSecret ?? ''])) ?? null,
          redirectUri: `${url}/oauth/sign-in/callback`,
          fetch: send,
          now,
        })
  const own = [
    oauthRoutes(service, { log }),
    ...pageRoutes({ service, signIn, provider, log }),
    ...administrationRoutes(service, secrets.adminKey),
    ...accountRoutes(
      { config: parsed.config, openAccount, service, now },
      createGuard(service, secrets.adminKey),
    ),
    explainRoutes(deps, createGuard(service, secrets.adminKey)),
  ]
  return { app: createApp({ kind: 'ready', deps }, own, { now, log }), faulty: false }
}

/** Without a signing key there is a service that says it is off. */
const tokenService = async (
  { signingKeys }: OwnSecrets,
  deps: Omit<TokenService, 'signing'>,
): Promise<TokenService> => {
  const [first] = signingKeys
  const signing = first === undefined ? null : { signer: await openSigner(first), keys: signingKeys }
  return { ...deps, signing }
}

const handlerOf = onePerIsolate(assemble, now)

export default {
  async fetch(request, env, context) {
    const found = handlerOf(env)
    const handler = found instanceof Promise ? await found : found
    return handler(request, context)
  },
} satisfies ExportedHandler<Cloudflare.Env>
