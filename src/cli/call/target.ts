import { isReservedSegment } from '../../core/reserved.ts'
import { usageFailure } from '../failure.ts'

/**
 * The URL that `<upstream>/<path>` names at this Countersign. A whole URL is taken too, when it is of this very
 * origin: a token never leaves for another host (L05). What `new URL` would silently change (dot segments,
 * backslashes) is refused, since the upstream would be asked something else than what was typed.
 */
export function readTarget(origin: string, text: string): URL {
  const wanted = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `${origin}/${text.replace(/^\//, '')}`
  const encoded = wanted.replace(/[^\x21-\x7e]+/gu, encodeURIComponent)
  const url = URL.parse(encoded)
  if (url === null) throw usageFailure(`"${text}" is not a path.`)
  if (url.origin !== origin) {
    throw usageFailure(
      `${url.origin} is not ${origin}, and a token goes nowhere else.`,
      'Write upstream/path; another Countersign is chosen with --profile or --url.',
    )
  }
  if (url.href !== encoded || url.hash !== '') {
    throw usageFailure(
      'The path has a form that is not forwarded.',
      'No dot segments, backslashes or #; percent-encode quotes, < and >.',
    )
  }
  const upstream = url.pathname.split('/')[1] ?? ''
  if (upstream === '') {
    throw usageFailure('Name an upstream and a path: countersign call plugipay/api/v1/customers')
  }
  if (isReservedSegment(upstream)) {
    throw usageFailure(
      `/${upstream} is Countersign's own, not an upstream.`,
      'countersign --help lists the commands that administer.',
    )
  }
  return url
}
