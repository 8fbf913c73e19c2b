/**
 * A page of a company, as its developers would write it: a public client in a browser (RFC 10017) that gets a token
 * with a code and PKCE, and calls an upstream with it. Served on an origin of its own.
 */
import { createServer } from 'node:http'

export interface Site {
  readonly origin: string
  readonly close: () => Promise<void>
}

export const startSite = async (html: () => string): Promise<Site> => {
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(html())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    origin: `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** Shows in `#result` what came of it. */
export const shopPage = (countersign: string): string => `<!doctype html><title>Shop</title>
<button id="login">Log in</button><pre id="result"></pre>
<script type="module">
const edge = ${JSON.stringify(countersign)}
const redirectUri = location.origin + '/callback'
const text = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/\\+/g, '-').replace(/\\//g, '_').replace(/=/g, '')
const show = (result) => { document.querySelector('#result').textContent = JSON.stringify(result) }

document.querySelector('#login').onclick = async () => {
  const verifier = text(crypto.getRandomValues(new Uint8Array(32)))
  sessionStorage.setItem('verifier', verifier)
  const challenge = text(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier)))
  const query = { response_type: 'code', client_id: 'shop', redirect_uri: redirectUri, code_challenge: challenge,
    code_challenge_method: 'S256', scope: 'orders:order:read' }
  location.href = edge + '/oauth/authorize?' + new URLSearchParams(query)
}

const code = new URLSearchParams(location.search).get('code')
if (code !== null) {
  const body = new URLSearchParams({ grant_type: 'authorization_code', client_id: 'shop', redirect_uri: redirectUri,
    code, code_verifier: sessionStorage.getItem('verifier') })
  const answer = await (await fetch(edge + '/oauth/token', { method: 'POST', body })).json()
  window.token = answer.access_token
  const called = await fetch(edge + '/orders/orders', { headers: { authorization: 'Bearer ' + answer.access_token } })
  show({ scope: answer.scope, status: called.status, body: await called.text() })
}
</script>`
