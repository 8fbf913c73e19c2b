/**
 * Paging through lists that grow at one end: a cursor says behind which position the next page begins, so that
 * nothing is shown twice or left out when rows are added meanwhile.
 */
import { pageItemsDefault, pageItemsMax } from '../core/limits.ts'
import { malformed } from '../core/problems.ts'

export interface Page<Item> {
  readonly items: readonly Item[]
  /** null: this was the last page. */
  readonly next: string | null
}

/** A row number as text that invites nobody to do arithmetic with it. */
export function cursorOf(position: number): string {
  return btoa(`p${position}`).replaceAll('=', '')
}

const positionForm = /^p(\d{1,15})$/

/** Throws Refusal `request_invalid` for what no list of ours handed out. */
export function readCursor(cursor: string): number {
  let text = ''
  try {
    text = atob(cursor)
  } catch {
    // Falls through to the refusal below.
  }
  const [, position] = positionForm.exec(text) ?? []
  if (position !== undefined && cursorOf(Number(position)) === cursor) return Number(position)
  throw malformed('cursor', 'next was in the page before')
}

/** The `limit` parameter, 1 to `pageItemsMax`. */
export function readPageLimit(text: string | undefined): number {
  if (text === undefined) return pageItemsDefault
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0
  if (limit >= 1 && limit <= pageItemsMax) return limit
  throw malformed('limit', `a number from 1 to ${pageItemsMax}`)
}

/** Cuts what was read one row beyond the limit into a page. */
export function pageOf<Item>(
  rows: readonly Item[],
  limit: number,
  position: (item: Item) => number,
): Page<Item> {
  const items = rows.slice(0, limit)
  const last = items.at(-1)
  return { items, next: rows.length > limit && last !== undefined ? cursorOf(position(last)) : null }
}
