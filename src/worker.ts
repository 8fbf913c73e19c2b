/**
 * The composition root: configuration and bindings become the app. Everything else takes what it needs as an
 * argument.
 */
import config from '#config'
import { accountName } from './accounts/account-rpc.ts'
import { type AccountConfig, teamAccount } from './accounts/team-account.ts'
import { createWallet } from './accounts/wallet.ts'
import { parseConfig } from './config/parse.ts'
import { type OwnSecrets, readOwnSecrets } from './config/secrets.ts'
import { bindingText } from './core/binding.ts'
import type { Configuration } from './core/configuration.ts'
import { Refusal } from './core/problems.ts'
import type { Secret } from './core/redact.ts'
import { KeyStore } from './credentials/keys.ts'
import { MintedTokens } from './credentials/minted.ts'
import { accountRevocations } from './http/account-revocations.ts'
import { administrationRoutes, createGuard } from './http/admin/routes.ts'
import { createApp, type Lifetime } from './http/app.ts'
import { type Assembly, onePerIsolate } from './http/assembly.ts'
import { Buffers } from './http/buffers.ts'
import type { OwnRoutes } from './http/call.ts'
import type { Deps } from './http/deps.ts'
import { isLiveness } from './http/health.ts'
import { createNonce } from './http/nonce.ts'
import { oauthRoutes } from './http/oauth/app.ts'
import { pageRoutes } from './http/pages/routes.ts'
import { createProvider } from './http/sign-in/provider.ts'
import { setTimer } from './http/timer.ts'
import { createVerifier, type Verifier } from './identity/verifier.ts'
import { directoryName } from './tokens/directory-rpc.ts'
import { openSigner } from './tokens/signing-keys.ts'
import type { TokenService } from './tokens/token-service.ts'

export { Directory } from './tokens/directory.ts'

type Handler = (request: Request, lifetime: Lifetime) => Promise<Response>

const { now } = Date

function log(line: string): void {
  console.log(line)
}

function send(url: string, init: RequestInit): Promise<Response> {
  return fetch(url, init)
}

/** What an account needs of the configuration that is deployed with it; parsed once, and not at all before a sync. */
let accountsConfig: Configuration | null = null

function configOfAccount(team: string): AccountConfig | null {
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

const told = new Set<string>()

/** What the deployment lacks of the bindings that wrangler.toml gives it; the log names each once. */
function missingBindings(env: Partial<Cloudflare.Env>): readonly string[] {
  const missing = (['ACCOUNTS', 'DIRECTORY', 'USAGE'] as const).filter((name) => env[name] === undefined)
  for (const binding of missing) {
    if (told.size < told.add(binding).size) log(JSON.stringify({ event: 'binding_missing', binding }))
  }
  return missing
}

function bound<Binding>(binding: Binding | undefined, name: string): Binding {
  if (binding !== undefined) return binding
  throw new Refusal('account_unavailable', { reason: `the binding ${name} is missing` })
}

async function assemble(env: Cloudflare.Env): Promise<Assembly<Handler>> {
  const complete = missingBindings(env).length === 0
  const bindings: Readonly<Record<string, unknown>> = { ...env }
  const secrets = await readOwnSecrets(bindings, setTimer)
  const parsed = parseConfig(config, { signingKeys: secrets.signingKeys.length > 0 })
  const faults = 'faults' in parsed ? [...parsed.faults, ...secrets.faults] : secrets.faults
  const { adminKey } = secrets
  if ('faults' in parsed || faults.length > 0 || adminKey === null) {
    log(JSON.stringify({ event: 'config_invalid', faults }))
    return { app: createApp({ kind: 'faulty' }, [], { now, log }), faulty: true }
  }
  accountsConfig ??= parsed.config
  const verifier = createVerifier({
    config: parsed.config,
    ownKeys: secrets.signingKeys.map(({ publicJwk }) => publicJwk),
    fetch: send,
    setTimer,
  })
  const openAccount = (team: string) => bound(env.ACCOUNTS, 'ACCOUNTS').getByName(accountName(team))
  const deps = {
    config: parsed.config,
    verify: verifier.verify,
    accounts: createWallet({
      openAccount,
      newIdentity: () => crypto.randomUUID(),
      setTimer,
      onSyncFailed: (team, error) =>
        log(JSON.stringify({ event: 'account_unreachable', team, reason: String(error) })),
    }),
    keys: new KeyStore({ bindings, now, setTimer }),
    minted: new MintedTokens({ fetch: send, setTimer }),
    buffers: new Buffers(),
    fetch: send,
    now,
    nonce: createNonce((bytes) => crypto.getRandomValues(bytes)),
  }
  const own = () => openOwnRoutes({ deps, verifier, openAccount, secrets, adminKey }, env)
  return { app: createApp({ kind: 'ready', deps, complete }, own, { now, log }), faulty: false }
}

interface Assembled {
  readonly deps: Deps
  readonly verifier: Verifier
  readonly openAccount: (team: string) => DurableObjectStub<TeamAccount>
  readonly secrets: OwnSecrets
  readonly adminKey: Secret
}

/** What programs and people call of Countersign itself; no call to an upstream waits for it. */
async function openOwnRoutes(
  { deps, verifier, openAccount, secrets, adminKey }: Assembled,
  env: Cloudflare.Env,
): Promise<readonly OwnRoutes[]> {
  const { config } = deps
  const service = await tokenService(secrets, {
    config,
    directory: () => bound(env.DIRECTORY, 'DIRECTORY').getByName(directoryName),
    accounts: accountRevocations(openAccount, { now }),
    verifier,
    fingerprintKey: adminKey,
    now,
    randomBytes: (count) => crypto.getRandomValues(new Uint8Array(count)),
  })
  const { signIn, url } = config
  const bindings: Readonly<Record<string, unknown>> = { ...env }
  const signInBy = signIn && {
    ...signIn,
    provider: createProvider({
      signIn,
      clientSecret: async () => (await bindingText(bindings[signIn.clientSecret ?? ''], setTimer)) ?? null,
      redirectUri: `${url}/oauth/sign-in/callback`,
      fetch: send,
      setTimer,
      now,
    }),
  }
  return [
    oauthRoutes(service, { log }),
    ...pageRoutes({ service, signIn: signInBy, log }),
    administrationRoutes({ ...deps, openAccount, service }, createGuard(service, adminKey)),
  ]
}

/** Without a signing key there is a service that says it is off. */
async function tokenService(
  { signingKeys }: OwnSecrets,
  deps: Omit<TokenService, 'signing'>,
): Promise<TokenService> {
  const [first] = signingKeys
  const signing = first === undefined ? null : { signer: await openSigner(first), keys: signingKeys }
  return { ...deps, signing }
}

const isolate = onePerIsolate(assemble, now)

/** Answers /healthz while nothing is assembled, which may wait for a secret; afterwards the app does. */
const beforeAssembly = createApp({ kind: 'faulty' }, [], { now, log })

export default {
  fetch(request, env, context) {
    const handler = isolate.kept() ?? (isLiveness(request) ? beforeAssembly : null)
    return handler === null
      ? isolate.make(env).then((made) => made(request, context))
      : handler(request, context)
  },
} satisfies ExportedHandler<Cloudflare.Env>
