import { Refusal } from '../core/problems.ts'

export interface PresentedToken {
  readonly text: string
  /** Sent in Countersign-Authorization, which clients carry along to other hosts when they follow a redirect. */
  readonly inOwnHeader: boolean
}

const bearerForm = /^bearer +([^\s,]+)$/i
/** As nearly all are sent. */
const plainPrefix = 'Bearer '

/**
 * The caller's token (RFC 6750 section 2.1). `Countersign-Authorization` wins where it is sent; a malformed one is
 * refused and never passed over in favour of `Authorization`. Throws Refusal.
 */
export function readToken(headers: Pick<Headers, 'get'>): PresentedToken {
  const own = headers.get('countersign-authorization')
  const value = own ?? headers.get('authorization')
  if (value === null) throw new Refusal('token_missing')
  const text = bearerToken(value)
  if (text === null) {
    const name = own === null ? 'Authorization' : 'Countersign-Authorization'
    throw new Refusal('token_invalid', {
      detail: `${name} must read "Bearer <token>", once.`,
      reason: 'authorization header malformed',
    })
  }
  return { text, inOwnHeader: own !== null }
}

/** null unless it is one token behind `Bearer`. A form that is plainly right costs a tenth of the regular expression. */
function bearerToken(value: string): string | null {
  if (value.startsWith(plainPrefix)) {
    const text = value.slice(plainPrefix.length)
    if (text !== '' && !text.includes(' ') && !text.includes(',') && !text.includes('\t')) return text
  }
  return bearerForm.exec(value.trim())?.[1] ?? null
}
