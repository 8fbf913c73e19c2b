import { html, raw } from 'hono/html'
import { Hono } from 'hono/tiny'
import { problemRow, problems } from '../core/problems.ts'
import { table } from '../core/table.ts'

/** Help on refusals that are not ours: an upstream's answer links here, because its reader asks whose refusal it is. */
const upstreamHelp = table({
  upstream_refused: {
    title: 'The upstream refused the call',
    help: "Countersign let the call pass, signed it and sent it; the 401 or 403 is the upstream's own answer. Its body says why. Usual causes: the key lacks a permission at the upstream; the key was revoked there; the secret in the binding belongs to another key or mode; the body was changed on its way (re-encoded JSON is another body); clocks differ by more than the upstream allows. An admin can see every string on the way to the signature: POST /api/explain, or countersign explain.",
  },
})

const style =
  'body{font:16px/1.5 system-ui,sans-serif;max-width:42rem;margin:3rem auto;padding:0 1rem;color:#1b1b1f;background:#fdfdfd}code{font-size:.9em}a{color:inherit}@media(prefers-color-scheme:dark){body{color:#e6e6ea;background:#16161a}}'

/** `sha256-...` of the style sheet stands in the policy, so that nothing else can style or script these pages. */
const page = async (title: string, body: ReturnType<typeof html>, status: 200 | 404): Promise<Response> => {
  const text =
    await html`<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title><style>${raw(style)}</style></head><body><main>${body}</main></body></html>`
  return new Response(String(text), {
    status,
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'public, max-age=3600',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'content-security-policy': `default-src 'none'; style-src '${await styleHash()}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    },
  })
}

const styleHash = async (): Promise<string> => {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(style))
  return `sha256-${btoa(String.fromCharCode(...new Uint8Array(digest)))}`
}

/** `/problems` lists every code; `/problems/<code>` explains one, from the same table that makes the answers. */
export const helpRoutes = (): Hono =>
  new Hono()
    .get('/problems', () => page('Problems', index(), 200))
    .get('/problems/:code', (context) => {
      const code = context.req.param('code')
      const ours = problemRow(code)
      if (ours !== undefined) return page(ours.title, article(code, ours.title, ours.help, ours.status), 200)
      if (code === 'upstream_refused') {
        const { title, help } = upstreamHelp.upstream_refused
        return page(title, article(code, title, help, null), 200)
      }
      return page(
        'No such problem',
        html`<h1>No such problem</h1><p><a href="/problems">All problems</a></p>`,
        404,
      )
    })

const index = (): ReturnType<typeof html> =>
  html`<h1>Problems</h1><p>Every refusal of Countersign has a code, in <code>Countersign-Error</code> and in the body.</p><ul>${Object.entries(
    problems,
  ).map(
    ([code, { status, title }]) =>
      html`<li><a href="/problems/${code}"><code>${code}</code></a> (${status}): ${title}</li>`,
  )}</ul>`

const article = (code: string, title: string, help: string, status: number | null): ReturnType<typeof html> =>
  html`<h1>${title}</h1><p><code>${code}</code>${status === null ? '' : `, status ${status}`}</p><p>${help}</p><p><a href="/problems">All problems</a></p>`
