/** A certified OpenID provider, with its own sign-in pages. */
import { createServer, type RequestListener } from 'node:http'
import { Provider } from 'oidc-provider'
import { signInSecret } from '../raw/people/edge.ts'

export interface CertifiedProvider {
  readonly url: string
  /** Our Countersign is known to it from now on. */
  readonly register: (countersign: string) => void
  readonly close: () => Promise<void>
}

/** What it says of its people; anybody may sign in, with any password. */
const claims: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  ada: { team: 'checkout', role: 'admin' },
  lin: { team: 'checkout', role: 'member' },
}

export const startCertifiedProvider = async (): Promise<CertifiedProvider> => {
  let listener: RequestListener = (_request, response) => response.writeHead(503).end()
  const server = createServer((request, response) => listener(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`
  return {
    url,
    register: (countersign) => {
      const provider = new Provider(url, {
        clients: [
          {
            client_id: 'countersign',
            client_secret: signInSecret,
            redirect_uris: [`${countersign}/oauth/sign-in/callback`],
            application_type: 'native',
          },
        ],
        claims: { openid: ['sub', 'team', 'role'], profile: ['name'] },
        conformIdTokenClaims: false,
        ttl: { Interaction: 600, Session: 600, Grant: 600, AccessToken: 600, IdToken: 600 },
        cookies: { keys: ['made up for tests'] },
        findAccount: (_context: unknown, sub: string) => ({
          accountId: sub,
          claims: () => ({ sub, ...claims[sub] }),
        }),
      })
      listener = provider.callback()
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
