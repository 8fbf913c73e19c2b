/**
 * Where the next page of a list is: `Link: <...>; rel="next"` (RFC 8288), or a cursor in the JSON answer. Only the
 * query of a link is used. Its host is the upstream's, which a caller does not call, and a list's path does not
 * change from page to page.
 */
interface Page {
  readonly headers: { readonly get: (name: string) => string | null }
  readonly text: string
}

/** Members that hold a cursor, in the order in which they are looked for, and where they may stand. */
const cursorNames = ['next_cursor', 'nextCursor', 'next_page_token', 'nextPageToken', 'next', 'cursor']
const places = ['meta', 'pagination', 'paging', 'page_info', 'links']

/** null: this was the last page. */
export function nextPage(url: URL, { headers, text }: Page, cursorParameter: string): URL | null {
  const link = nextLink(headers.get('link') ?? '')
  const found = link ?? cursorOf(text)
  if (found === null) return null
  const next = new URL(url)
  const query = link === null ? queryOf(found) : (URL.parse(found, url.href)?.search ?? '')
  if (query === null) next.searchParams.set(cursorParameter, found)
  else next.search = query
  return next.href === url.href ? null : next
}

function nextLink(header: string): string | null {
  for (const [, target = '', parameters = ''] of header.matchAll(/<([^>]*)>([^<]*)/g)) {
    if (/;\s*rel\s*=\s*"?(?:[^"]*\s)?next(?:\s[^"]*)?"?\s*(?:[;,]|$)/i.test(parameters)) return target
  }
  return null
}

function cursorOf(text: string): string | null {
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch {
    return null
  }
  const fields = Object(body)
  if (fields.has_more === false || fields.hasMore === false) return null
  for (const holder of [fields, ...places.map((place) => Object(fields[place]))]) {
    if (holder.has_more === false || holder.hasMore === false) return null
    for (const name of cursorNames) {
      const value: unknown = holder[name]
      if (typeof value === 'string' && value !== '') return value
    }
  }
  return null
}

/** A `next` member may be a URL or a path with the whole query; anything else is a cursor. */
function queryOf(text: string): string | null {
  return /^(https?:\/\/|\/|\?)/.test(text) && text.includes('?') ? text.slice(text.indexOf('?')) : null
}
