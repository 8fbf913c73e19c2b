/** Login with a browser on this machine: authorization code with PKCE (RFC 6749, 7636, 8252). */
import { spawn } from 'node:child_process'
import { cliClientId } from '../../core/reserved.ts'
import { audienceUrl } from '../access.ts'
import type { Context } from '../context.ts'
import { type Issued, requestToken } from '../oauth.ts'
import { listen } from './loopback.ts'
import { challengeOf, unguessable } from './pkce.ts'
import type { Progress } from './progress.ts'

export async function loginWithBrowser(
  { environment }: Context,
  url: string,
  progress: Progress,
): Promise<Issued> {
  const [verifier, state] = [unguessable(), unguessable()]
  const loopback = await listen({ state, issuer: url })
  try {
    const page = new URL('/oauth/authorize', url)
    page.search = new URLSearchParams({
      response_type: 'code',
      client_id: cliClientId,
      redirect_uri: loopback.redirectUri,
      code_challenge: challengeOf(verifier),
      code_challenge_method: 'S256',
      state,
    }).toString()
    progress.open(page.href)
    openBrowser(page.href, environment)
    const code = await loopback.code
    return await requestToken(url, {
      grant_type: 'authorization_code',
      code,
      redirect_uri: loopback.redirectUri,
      client_id: cliClientId,
      code_verifier: verifier,
      resource: audienceUrl(url, 'administration'),
    })
  } finally {
    loopback.close()
  }
}

/** Best effort: the address stands on the terminal already. It holds no secret, so a process list may show it. */
export function openBrowser(page: string, environment: NodeJS.ProcessEnv): void {
  const [command = '', ...args] = openCommand(environment)
  const { COUNTERSIGN_TOKEN: _ours, ...env } = environment
  const child = spawn(command, [...args, page], { stdio: 'ignore', detached: true, env })
  child.on('error', () => undefined)
  child.unref()
}

function openCommand({ BROWSER: browser }: NodeJS.ProcessEnv): readonly string[] {
  if (browser) return [browser]
  if (process.platform === 'darwin') return ['open']
  return process.platform === 'win32' ? ['rundll32', 'url.dll,FileProtocolHandler'] : ['xdg-open']
}

/** Whether a browser can be expected to appear in front of the person. */
export function hasBrowser(environment: NodeJS.ProcessEnv): boolean {
  if (environment['BROWSER']) return true
  if (environment['SSH_CONNECTION'] || environment['SSH_TTY']) return false
  if (process.platform === 'darwin' || process.platform === 'win32') return true
  return Boolean(environment['DISPLAY'] || environment['WAYLAND_DISPLAY'])
}
