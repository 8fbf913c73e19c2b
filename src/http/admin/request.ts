/**
 * What the routes of the administration share: who calls, bodies and queries, answers, and the words for what is not
 * there. Reading is strict: what is not known is refused, so that nobody believes it was done.
 */
import { isJsonObject } from '../../core/json.ts'
import { adminBodyBytesMax } from '../../core/limits.ts'
import { malformed, Refusal, requestInvalid } from '../../core/problems.ts'
import { own } from '../../core/table.ts'
import { type AuditDraft, addressOf } from '../../tokens/audit.ts'
import type { PageQuery } from '../../tokens/directory-rpc.ts'
import { readInstant } from '../../tokens/instant.ts'
import { type Page, readCursor, readPageLimit } from '../../tokens/page.ts'
import { mediaTypeOf, readBodyText } from '../bounded-body.ts'
import type { Administrator } from './authorize.ts'

export interface AdminCall {
  readonly request: Request
  readonly administrator: Administrator
  /** `:id` of the path; `''` where it has none. */
  readonly id: string
}

/** One answer for what does not exist and for what this administrator does not see. */
export function notFound(what: string): Refusal {
  return new Refusal('not_found', { detail: `There is no such ${what}, or you do not see it.` })
}

/**
 * The parsed JSON body. Only `application/json` is taken: a form on another site can send no such request
 * without a preflight. Throws Refusal.
 */
export async function readJson(request: Request): Promise<unknown> {
  if (mediaTypeOf(request.headers) !== 'application/json')
    throw requestInvalid('Send JSON, with Content-Type: application/json.')
  const text = await readBodyText(request, adminBodyBytesMax)
  try {
    return JSON.parse(text)
  } catch {
    throw malformed('the body', 'JSON')
  }
}

/** Reads a member or parameter; throws Refusal that names it and says what it may be. */
type Reader<Sent, Value> = (sent: Sent, name: string) => Value
type Shape<Sent> = Readonly<Record<string, Reader<Sent, unknown>>>
/** What was sent, of a shape. */
export type Read<Of extends Shape<never>> = { readonly [Name in keyof Of]?: ReturnType<Of[Name]> }

/** The members of a JSON object, each by its reader. Throws Refusal, for another kind of value and unknown members too. */
export function readMembers<Of extends Shape<unknown>>(
  value: unknown,
  shape: Of,
  where = 'the body',
): Read<Of> {
  return readEach(readObject(value, where), shape, where)
}

/** Query parameters, each by its reader and sent at most once. Throws Refusal. */
export function readQuery<Of extends Shape<string>>({ url }: Request, shape: Of): Read<Of> {
  return readEach(new URL(url).searchParams, shape, 'the query')
}

function readEach<Sent, Of extends Shape<Sent>>(
  sent: Iterable<readonly [string, Sent]>,
  shape: Of,
  where: string,
): Read<Of> {
  const found = new Map<string, unknown>()
  for (const [name, value] of sent) {
    const read = own(shape, name)
    if (read === undefined) throw unknownMember(where, Object.keys(shape))
    if (found.has(name)) throw requestInvalid(`Send ${name} only once.`)
    found.set(name, read(value, name))
  }
  return Object.fromEntries(found) as Read<Of>
}

/** `known` is all that may stand there. */
export function unknownMember(where: string, known: readonly string[]): Refusal {
  const but = known.length === 0 ? '' : ` but ${known.join(', ')}`
  return requestInvalid(`Send nothing in ${where}${but}.`)
}

/** The members of a JSON object whose names are the caller's. Throws Refusal for another kind of value. */
export function readObject(value: unknown, where: string): readonly (readonly [string, unknown])[] {
  if (isJsonObject(value)) return Object.entries(value)
  throw malformed(where, 'a JSON object')
}

export function readText(value: unknown, name: string): string {
  if (typeof value === 'string' && value !== '') return value
  throw malformed(name, 'a text')
}

/** A parameter whose every text is good. */
export function asSent(text: string): string {
  return text
}

/** Milliseconds since 1970. */
export function readTime(value: unknown, name: string): number {
  const time = readInstant(readText(value, name))
  if (time === null) throw malformed(name, 'a day (2026-11-22) or an RFC 3339 time')
  return time
}

/** The parameters of a list that has pages. */
export const paging = { cursor: readCursor, limit: readPageLimit }

export function pageQuery({ cursor, limit }: Read<typeof paging>, now: number): PageQuery {
  return { now, before: cursor ?? null, limit: limit ?? readPageLimit(undefined) }
}

/** The parameters of a list that is ordered by a text of each item. */
export const orderedPaging = { cursor: asSent, limit: readPageLimit }

export function pageInOrder<Item>(
  all: readonly Item[],
  positionOf: (item: Item) => string,
  { cursor = '', limit = readPageLimit(undefined) }: Read<typeof orderedPaging>,
): Page<Item> {
  const rest = all
    .filter((item) => positionOf(item) > cursor)
    .sort((one, other) => (positionOf(one) < positionOf(other) ? -1 : 1))
  const items = rest.slice(0, limit)
  const last = items.at(-1)
  return { items, next: rest.length > limit && last !== undefined ? positionOf(last) : null }
}

/** What a call changed, for the audit log. */
export function auditEntry(
  { administrator, request }: Pick<AdminCall, 'administrator' | 'request'>,
  what: Omit<AuditDraft, 'actor' | 'from'>,
): AuditDraft {
  return { ...what, actor: administrator.subject, from: addressOf(request.headers) }
}
