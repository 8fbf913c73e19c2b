/**
 * Parameters of OAuth requests (RFC 6749 section 3.2 and appendix B): one form, each parameter at most once,
 * empty ones as if they were not there. What was sent twice is refused, so that no two readers of one request
 * can choose differently.
 */
import { oauthParametersMax } from '../core/limits.ts'
import { OAuthRefusal } from './oauth-error.ts'

export type Parameters = ReadonlyMap<string, string>

/** Those that a request may repeat to name several targets, which no token of ours is for. */
const targetParameters: ReadonlySet<string> = new Set(['resource', 'audience'])

/**
 * Reads `application/x-www-form-urlencoded` text. Throws OAuthRefusal `invalid_request`, or `invalid_target` for a
 * second target (RFC 8707 section 2, RFC 8693 section 2.1).
 */
export function readParameters(form: string): Parameters {
  assertEscapes(form)
  const parameters = new Map<string, string>()
  const seen = new Set<string>()
  for (const [name, value] of new URLSearchParams(form)) {
    if (seen.has(name)) {
      throw targetParameters.has(name)
        ? new OAuthRefusal('invalid_target', `A token is for one resource: send ${name} once.`)
        : new OAuthRefusal('invalid_request', 'Send each parameter only once.', {
            reason: 'duplicate parameter',
          })
    }
    seen.add(name)
    if (seen.size > oauthParametersMax) {
      throw new OAuthRefusal('invalid_request', `Send at most ${oauthParametersMax} parameters.`)
    }
    if (value !== '') parameters.set(name, value)
  }
  return parameters
}

/** The parameter's value. Throws OAuthRefusal `invalid_request` that names what is missing. */
export function required(parameters: Parameters, name: string): string {
  const value = parameters.get(name)
  if (value === undefined) throw new OAuthRefusal('invalid_request', `Send the parameter ${name}.`)
  return value
}

/** `URLSearchParams` mends what is broken; here it is refused instead. */
function assertEscapes(form: string): void {
  try {
    decodeURIComponent(form)
  } catch {
    throw new OAuthRefusal('invalid_request', 'Send well-formed application/x-www-form-urlencoded.')
  }
}
