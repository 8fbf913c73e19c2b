/**
 * `hmac`: recipes as data (hmac/definition.ts) for the many APIs that sign with HMAC (RFC 2104) over a string of
 * their own. Covers what the recipe's string names and nothing else. What is not covered: a host, unless it is
 * named, and every header that is not.
 */
import type { Bytes } from '../../core/bytes.ts'
import { Secret } from '../../core/redact.ts'
import { OptionReader } from '../options.ts'
import {
  appendQuery,
  type OwnedNames,
  ownedNames,
  type Pair,
  percentEncode,
  refuseQueryNames,
} from '../query-string.ts'
import {
  type BodyNeed,
  type Edits,
  type Moment,
  type ReportFault,
  SecretFault,
  type SignRequest,
  type SignScheme,
  widestNeed,
} from '../scheme.ts'
import { parsePair, parseParts, parseVisible, parseWhole } from '../secret.ts'
import {
  algorithmNames,
  algorithms,
  encodingNames,
  encodings,
  type KeyEncoding,
  keyDecoders,
  type Mac,
} from './algorithms.ts'
import type { HmacAlgorithm } from './definition.ts'
import { type Placement, parsePlacements, type Signed, writePlacements } from './placement.ts'
import { newSheet, type Sheet } from './sheet.ts'
import { parseString, type SignedString } from './string.ts'

const secretForms = ['id:secret', 'secret', 'id:secret:passphrase'] as const

export interface Recipe {
  readonly algorithm: HmacAlgorithm
  readonly secretForm: (typeof secretForms)[number]
  readonly keyEncoding: KeyEncoding
  readonly keySuffix: string
  readonly string: SignedString
  /** The signature as text. */
  readonly encode: (mac: Bytes) => string
  readonly headers: readonly Placement[]
  /** Added before signing, so that a `query` part covers them. */
  readonly queryBefore: readonly Placement[]
  /** Added after it: they hold the signature. */
  readonly queryAfter: readonly Placement[]
  /** All of the query's: a caller's value of these is refused. */
  readonly owned: OwnedNames
  readonly bodyNeed: BodyNeed
}

interface RecipeSecret {
  readonly id: string
  readonly key: Bytes
  readonly passphrase: Secret
}

interface RecipeKey {
  readonly id: string
  readonly passphrase: Secret
  readonly mac: Mac
}

export const hmac: SignScheme<Recipe, RecipeSecret, RecipeKey> = {
  kind: 'sign',
  parseOptions: (input, fault) => {
    const options = new OptionReader(input, fault)
    const version = options.raw('version')
    if (version !== undefined && version !== 1) fault('version', 'must be 1')
    const algorithm = options.choice('algorithm', algorithmNames)
    const secretForm = options.choice('secret', secretForms, 'id:secret')
    const keyEncoding = options.choice('keyEncoding', Object.keys(keyDecoders) as KeyEncoding[], 'utf8')
    const keySuffix = options.optionalText('keySuffix', '')
    if (keySuffix !== '' && keyEncoding !== 'utf8') fault('keySuffix', "needs keyEncoding 'utf8'")
    const string = parseString(options.raw('string'), 'string', fault)
    const signatureEncoding = options.choice('signatureEncoding', encodingNames, 'hex')
    let placed = true
    const faultPlaced: ReportFault = (path, message) => {
      placed = false
      fault(path, message)
    }
    const headers = parsePlacements(options.raw('headers'), 'headers', faultPlaced)
    const query = parsePlacements(options.raw('query'), 'query', faultPlaced)
    options.done()
    // What could not be read may be what seems to lack.
    if (placed) checkPlacements({ string, secretForm, placements: [...headers, ...query] }, fault)
    return {
      algorithm,
      secretForm,
      keyEncoding,
      keySuffix,
      string,
      encode: encodings[signatureEncoding],
      headers,
      queryBefore: query.filter(({ kinds }) => !kinds.has('signature')),
      queryAfter: query.filter(({ kinds }) => kinds.has('signature')),
      owned: ownedNames(query.map(({ name }) => name)),
      bodyNeed: widestNeed([string, ...headers, ...query]),
    }
  },
  parseSecret: (text, { secretForm, keyEncoding, keySuffix }) => {
    const { id, secret, passphrase } = splitSecret(text, secretForm)
    const key = keyDecoders[keyEncoding](secret + keySuffix)
    if (key === null || key.length === 0) throw new SecretFault(`the secret is not ${keyEncoding}`)
    return { id, key, passphrase: new Secret(passphrase) }
  },
  owns: ({ headers }) => headers.map(({ name }) => name),
  bodyNeed: ({ bodyNeed }) => bodyNeed,
  prepare: async ({ id, key, passphrase }, { algorithm }) => ({
    id,
    passphrase,
    mac: await algorithms[algorithm].mac(key),
  }),
  stages: async (request, recipe, key, moment) => {
    const sheet = newSheet(request, key.id, moment)
    const added = encoded(await writePlacements(recipe.queryBefore, sheet, unsigned))
    const text = await recipe.string.show(extended(sheet, added))
    return [{ name: 'string to sign', text }]
  },
  sign: signRequest,
  sends: ({ passphrase }, { headers }) =>
    headers.some(({ kinds }) => kinds.has('passphrase')) ? [passphrase.reveal()] : [],
}

async function signRequest(
  request: SignRequest,
  recipe: Recipe,
  key: RecipeKey,
  moment: Moment,
): Promise<Edits> {
  const { owned, string, headers, queryBefore, queryAfter, encode } = recipe
  const bare = newSheet(request, key.id, moment)
  let before: readonly Pair[] = []
  if (owned.size > 0) {
    refuseQueryNames(request.query, owned)
    const added = writePlacements(queryBefore, bare, unsigned)
    before = encoded(added instanceof Promise ? await added : added)
  }
  const sheet = before.length === 0 ? bare : extended(bare, before)
  const written = string.write(sheet)
  const mac = await key.mac(written instanceof Promise ? await written : written)
  const signed = { signature: encode(new Uint8Array(mac)), passphrase: key.passphrase }
  const placed = writePlacements(headers, sheet, signed)
  const set = placed instanceof Promise ? await placed : placed
  if (owned.size === 0) return { set }
  const last = writePlacements(queryAfter, sheet, signed)
  return { set, query: [...before, ...encoded(last instanceof Promise ? await last : last)] }
}

/** What a query holds before signing knows no signature, and never a passphrase. */
const unsigned: Signed = { signature: '', passphrase: new Secret('') }

function encoded(pairs: readonly Pair[]): readonly Pair[] {
  return pairs.map(([name, value]) => [name, percentEncode(value)] as const)
}

/** With what the recipe adds before signing, and the nonce that was drawn for it. */
function extended({ request, keyId, now, nonce }: Sheet, added: readonly Pair[]): Sheet {
  return { request, query: appendQuery(request.query, added), keyId, now, nonce }
}

interface SplitSecret {
  readonly id: string
  readonly secret: string
  readonly passphrase: string
}

function splitSecret(text: string, form: Recipe['secretForm']): SplitSecret {
  if (form === 'secret')
    return { id: '', secret: parseWhole(text, 'the secret', { inner: 'spaces' }), passphrase: '' }
  if (form === 'id:secret') {
    const [id, secret] = parsePair(text, ['id', 'secret'])
    return { id: parseVisible(id, 'the id'), secret, passphrase: '' }
  }
  const [id = '', secret = '', passphrase = ''] = parseParts(text, ['id', 'secret', 'passphrase'])
  return { id: parseVisible(id, 'the id'), secret, passphrase: parseVisible(passphrase, 'the passphrase') }
}

interface PlacementCheck {
  readonly string: SignedString
  readonly secretForm: Recipe['secretForm']
  readonly placements: readonly Placement[]
}

/** What an upstream could not verify, or what is not there, is a fault of the recipe. */
function checkPlacements({ string, secretForm, placements }: PlacementCheck, fault: ReportFault): void {
  const placed = new Set(placements.flatMap(({ kinds }) => [...kinds]))
  const uses = (kind: string): boolean => placed.has(kind) || string.kinds.has(kind)
  if (!placed.has('signature')) fault('headers', 'none of the headers or query parameters has the signature')
  for (const kind of ['timestamp', 'nonce']) {
    if (string.kinds.has(kind) && !placed.has(kind))
      fault('string', `the ${kind} is signed, but neither a header nor a query parameter sends it`)
  }
  if (secretForm === 'secret' && uses('key-id')) fault('secret', "'secret' has no id for the part key-id")
  if (secretForm !== 'id:secret:passphrase' && uses('passphrase'))
    fault('secret', "the part passphrase needs 'id:secret:passphrase'")
}
