import { html } from 'hono/html'
import { Hono } from 'hono/tiny'
import { type ProblemCode, problemRow, problems } from '../core/problems.ts'
import { type Markup, page } from './pages/page.ts'

/** Help on refusals that are not ours: an upstream's answer links here, because its reader asks whose refusal it is. */
const upstreamRefused = {
  title: 'The upstream refused the call',
  help: "Countersign signed the call and sent it; the 401 or 403 is the upstream's own, and its body says why. Usual causes: the key lacks a permission or was revoked there; the secret in the binding belongs to another key or mode; the body was changed on its way (re-encoded JSON is another body); clocks differ. An admin sees every step of the signature: POST /api/explain, or countersign explain.",
}

/** Public, for an hour, and without forms; with a code it is a refusal of its own, which says so as all others do. */
function helpPage(title: string, body: Markup, error?: ProblemCode): Promise<Response> {
  return page(title, body, {
    error,
    formAction: "'none'",
    headers: {
      'cache-control': 'public, max-age=3600',
      'referrer-policy': 'no-referrer',
    },
  })
}

/** `/problems` lists every code; `/problems/<code>` explains one, from the same table that makes the answers. */
export function helpRoutes(): Hono {
  return new Hono()
    .get('/problems', () => helpPage('Problems', index()))
    .get('/problems/:code', (context) => {
      const code = context.req.param('code')
      const ours = problemRow(code)
      if (ours !== undefined) return helpPage(ours.title, article(code, ours.help, ours.status))
      if (code !== 'upstream_refused') return helpPage('No such problem', toAll(), 'not_found')
      return helpPage(upstreamRefused.title, article(code, upstreamRefused.help))
    })
}

function index(): Markup {
  return html`<p>Every refusal of Countersign has a code, in <code>Countersign-Error</code> and in the body.</p><ul>${Object.entries(
    problems,
  ).map(
    ([code, { status, title }]) =>
      html`<li><a href="/problems/${code}"><code>${code}</code></a> (${status}): ${title}</li>`,
  )}</ul>`
}

function article(code: string, help: string, status?: number): Markup {
  return html`<p><code>${code}</code>${status && `, status ${status}`}</p><p>${help}</p>${toAll()}`
}

function toAll(): Markup {
  return html`<p><a href="/problems">All problems</a></p>`
}
