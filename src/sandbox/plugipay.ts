/**
 * A small Plugipay: every request must be signed (plugipay-signature.ts), every answer is the envelope
 * `{ data, error, meta }`, and a write with an Idempotency-Key happens once and answers alike each time.
 */
import { randomBytes } from 'node:crypto'
import { type Api, fieldValues, onlyField, type ReceivedRequest, type Reply } from './listen.ts'
import { type PlugipayKey, verifyPlugipay } from './plugipay-signature.ts'

const rememberedAnswersMax = 10_000
const base = '/api/v1/'

type Json = Readonly<Record<string, unknown>>

interface Collection {
  readonly prefix: string
  /** What a new one starts with. */
  readonly initial: Json
  /** What `POST /<collection>/<id>/<action>` changes. */
  readonly actions: Readonly<Record<string, Json>>
}

const collections: ReadonlyMap<string, Collection> = new Map(
  Object.entries({
    customers: { prefix: 'cus', initial: {}, actions: {} },
    plans: { prefix: 'plan', initial: { active: true }, actions: { archive: { active: false } } },
    'checkout-sessions': {
      prefix: 'cs',
      initial: { status: 'open' },
      actions: { confirm: { status: 'completed' }, cancel: { status: 'canceled' } },
    },
    'portal-sessions': { prefix: 'ps', initial: {}, actions: {} },
    payments: { prefix: 'pay', initial: { status: 'succeeded' }, actions: {} },
    invoices: {
      prefix: 'inv',
      initial: { status: 'draft' },
      actions: { finalize: { status: 'open' }, pay: { status: 'paid' }, void: { status: 'void' } },
    },
    subscriptions: {
      prefix: 'sub',
      initial: { status: 'active' },
      actions: {
        cancel: { status: 'canceled' },
        pause: { status: 'paused' },
        resume: { status: 'active' },
      },
    },
    refunds: { prefix: 'ref', initial: { status: 'pending' }, actions: {} },
    receipts: { prefix: 'rcp', initial: {}, actions: {} },
    payouts: { prefix: 'po', initial: { status: 'pending' }, actions: {} },
    events: { prefix: 'evt', initial: {}, actions: {} },
    ledger: { prefix: 'led', initial: {}, actions: {} },
  }),
)

/** What an answer is before it stands in the envelope. */
type Outcome =
  | { readonly status: number; readonly data: unknown; readonly meta?: Json }
  | { readonly status: number; readonly code: string; readonly message: string }

interface RememberedAnswer {
  readonly fingerprint: string
  readonly outcome: Outcome
}

/** One Plugipay with its keys; a workspace sees only its own objects, live and test apart. */
export function plugipayApi(keys: readonly PlugipayKey[]): Api {
  const keysById = new Map(keys.map((key) => [key.id, key]))
  const shelves = new Map<string, Map<string, Json>>()
  const answers = new Map<string, RememberedAnswer>()

  const shelf = (key: PlugipayKey, collection: string): Map<string, Json> => {
    const name = `${key.workspace} ${livemode(key)} ${collection}`
    const existing = shelves.get(name)
    if (existing !== undefined) return existing
    const created = new Map<string, Json>()
    shelves.set(name, created)
    return created
  }

  return (request) => {
    const verdict = verifyPlugipay(request, keysById)
    if (!verdict.accepted) {
      const { code, message } = verdict
      return { ...envelope({ status: 401, code, message }), verdict: { accepted: false, code } }
    }
    const { key, signed } = verdict
    const accepted = { accepted: true, key: key.id, signed } as const
    const answer = (): Outcome => route(request, key, { keys, shelf })

    const idempotencyKey = onlyField(request, 'idempotency-key')
    if (idempotencyKey === null || request.method === 'GET' || request.method === 'HEAD') {
      return { ...envelope(answer()), verdict: accepted }
    }
    const fingerprint = `${request.method} ${request.target} ${request.bodySha256}`
    const slot = `${key.workspace} ${livemode(key)} ${idempotencyKey}`
    const first = answers.get(slot)
    if (first === undefined) {
      const outcome = answer()
      if (answers.size < rememberedAnswersMax) answers.set(slot, { fingerprint, outcome })
      return { ...envelope(outcome), verdict: accepted }
    }
    if (first.fingerprint !== fingerprint) {
      const message = 'this Idempotency-Key was used for another request'
      return { ...envelope({ status: 409, code: 'IDEMPOTENCY_CONFLICT', message }), verdict: accepted }
    }
    return { ...envelope(first.outcome, { 'idempotent-replayed': 'true' }), verdict: accepted }
  }
}

function livemode(key: PlugipayKey): boolean {
  return key.id.slice(3).startsWith('live_')
}

interface Storage {
  readonly keys: readonly PlugipayKey[]
  readonly shelf: (key: PlugipayKey, collection: string) => Map<string, Json>
}

function route(request: ReceivedRequest, key: PlugipayKey, { keys, shelf }: Storage): Outcome {
  const path = request.target.split('?', 1)[0] ?? ''
  if (!path.startsWith(base)) return notFound
  const [name = '', id, action, ...rest] = path.slice(base.length).split('/')
  if (rest.length > 0) return notFound

  if (name === 'uploads' && id === 'image' && action === undefined && request.method === 'POST') {
    return upload(request)
  }
  if (name === 'api-keys' && id === undefined && request.method === 'GET') {
    const own = keys.filter((candidate) => candidate.workspace === key.workspace)
    return { status: 200, data: own.map((one) => ({ id: one.id, revoked: one.revoked === true })) }
  }
  const collection = collections.get(name)
  if (collection === undefined) return notFound
  const items = shelf(key, name)
  if (id === undefined) return onCollection(request, items, { collection, live: livemode(key) })
  const item = items.get(id)
  if (item === undefined) return notFound
  return action === undefined
    ? onItem(request, items, item)
    : onAction(request, items, { item, changes: collection.actions[action] })
}

interface Shelf {
  readonly collection: Collection
  readonly live: boolean
}

function onCollection(
  request: ReceivedRequest,
  items: Map<string, Json>,
  { collection, live }: Shelf,
): Outcome {
  if (request.method === 'GET' || request.method === 'HEAD') {
    return onePage(request, items)
  }
  if (request.method !== 'POST') return methodNotAllowed
  const input = readObject(request)
  if (input === null) return notAnObject
  const id = `${collection.prefix}_${randomBytes(8).toString('hex')}`
  const createdAt = new Date(request.receivedAt).toISOString()
  const created = { ...collection.initial, ...input, id, livemode: live, createdAt }
  items.set(id, created)
  return { status: 201, data: created }
}

/** `limit` of them (all without one), from behind the one whose id is `cursor`. */
function onePage(request: ReceivedRequest, items: Map<string, Json>): Outcome {
  const query = new URLSearchParams(request.target.split('?', 2)[1])
  const ids = [...items.keys()]
  const start = ids.indexOf(query.get('cursor') ?? '') + 1
  const limit = Number(query.get('limit'))
  const end = Number.isInteger(limit) && limit > 0 ? start + limit : ids.length
  const hasMore = end < ids.length
  const cursor = hasMore ? (ids[end - 1] ?? null) : null
  return { status: 200, data: [...items.values()].slice(start, end), meta: { cursor, hasMore } }
}

function onItem(request: ReceivedRequest, items: Map<string, Json>, item: Json): Outcome {
  const id = String(item['id'])
  switch (request.method) {
    case 'GET':
    case 'HEAD':
      return { status: 200, data: item }
    case 'PATCH':
    case 'PUT': {
      const input = readObject(request)
      if (input === null) return notAnObject
      const changed = { ...item, ...input, id }
      items.set(id, changed)
      return { status: 200, data: changed }
    }
    case 'DELETE':
      items.delete(id)
      return { status: 200, data: { id, deleted: true } }
    default:
      return methodNotAllowed
  }
}

interface Action {
  readonly item: Json
  readonly changes: Json | undefined
}

function onAction(request: ReceivedRequest, items: Map<string, Json>, { item, changes }: Action): Outcome {
  if (changes === undefined) return notFound
  if (request.method !== 'POST') return methodNotAllowed
  const changed = { ...item, ...changes }
  items.set(String(item['id']), changed)
  return { status: 200, data: changed }
}

function upload(request: ReceivedRequest): Outcome {
  const multipart = fieldValues(request, 'content-type')[0]?.toLowerCase().startsWith('multipart/form-data')
  if (multipart !== true) {
    return {
      status: 400,
      code: 'INVALID_REQUEST',
      message: 'send the image as multipart/form-data, field file',
    }
  }
  const fileName = /filename="([^"]*)"/.exec(request.body.toString('latin1'))?.[1] ?? 'file'
  return { status: 201, data: { url: `/api/v1/files/${request.bodySha256.slice(0, 12)}`, fileName } }
}

/**
 * An empty body is an empty object, as for actions without input. Of one that is larger than what a sandbox keeps, only
 * its length is remembered: its signature was checked over the whole.
 */
function readObject(request: ReceivedRequest): Json | null {
  if (request.bodyBytes === 0) return {}
  if (request.bodyBytes > request.body.length) return { bodyBytes: request.bodyBytes }
  try {
    const value: unknown = JSON.parse(request.body.toString('utf8'))
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null
  } catch {
    return null
  }
}

const notFound: Outcome = { status: 404, code: 'NOT_FOUND', message: 'there is nothing at this path' }
const methodNotAllowed: Outcome = { status: 405, code: 'METHOD_NOT_ALLOWED', message: 'not with this method' }
const notAnObject: Outcome = {
  status: 400,
  code: 'INVALID_REQUEST',
  message: 'the body must be a JSON object',
}

function envelope(outcome: Outcome, headers: Readonly<Record<string, string>> = {}): Omit<Reply, 'verdict'> {
  const meta = { requestId: `req_${randomBytes(6).toString('hex')}` }
  if ('code' in outcome) {
    const { status, code, message } = outcome
    return { status, headers, body: { data: null, error: { code, message }, meta } }
  }
  return {
    status: outcome.status,
    headers,
    body: { data: outcome.data, error: null, meta: { ...meta, ...outcome.meta } },
  }
}
