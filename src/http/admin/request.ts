/** What the routes of the administration share: bodies, answers, and the words for what is not there. */
import { adminBodyBytesMax } from '../../core/limits.ts'
import { Refusal } from '../../core/problems.ts'
import { mediaTypeOf, readText } from '../bounded-body.ts'

/**
 * The parsed JSON body. Only `application/json` is taken: a form on another site can send no such request
 * without a preflight. Throws Refusal.
 */
export async function readJson(request: Request): Promise<unknown> {
  if (mediaTypeOf(request.headers) !== 'application/json') {
    throw new Refusal('request_invalid', { detail: 'Send JSON, with Content-Type: application/json.' })
  }
  const text = await readText(request, adminBodyBytesMax)
  try {
    return JSON.parse(text)
  } catch {
    throw new Refusal('request_invalid', { detail: 'The body is not JSON.' })
  }
}

/** Query parameters, each at most once and each known. Throws Refusal. */
export function readQuery<Name extends string>(
  request: Request,
  known: readonly Name[],
): Readonly<Partial<Record<Name, string>>> {
  const found: Partial<Record<Name, string>> = {}
  for (const [name, value] of new URL(request.url).searchParams) {
    const parameter = known.find((one) => one === name)
    if (parameter === undefined) {
      throw new Refusal('request_invalid', { detail: `The query may hold ${known.join(', ')}.` })
    }
    if (found[parameter] !== undefined) {
      throw new Refusal('request_invalid', { detail: `${parameter} was sent more than once.` })
    }
    found[parameter] = value
  }
  return found
}

/** An answer for this caller alone: no cache, shared or not, keeps it. */
export function privateJson(
  body: object,
  status = 200,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return Response.json(body, {
    status,
    headers: { 'cache-control': 'private, no-store', 'x-content-type-options': 'nosniff', ...headers },
  })
}

/** One answer for what does not exist and for what this administrator does not see. */
export function notFound(what: string): Refusal {
  return new Refusal('not_found', { detail: `There is no such ${what}, or you do not see it.` })
}

/** Throws the answer to a method that a path does not have; `allow` lists those that it has. */
export function methodNotAllowed(allow: string): never {
  throw new Refusal('method_not_allowed', { detail: `This path takes ${allow}.`, headers: { allow } })
}
