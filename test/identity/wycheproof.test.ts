/**
 * The JWS and JWK files of Wycheproof. Their payloads are not claims, so they run at the form check and the
 * signature check that the verifier is made of. `ours` lists every case where we differ, with the reason; a case
 * that is `valid` there and accepted by us without standing in the list fails, and so the other way round.
 */
import { existsSync, readFileSync } from 'node:fs'
import { compactVerify, importJWK, type JWK } from 'jose'
import { describe, expect, it } from 'vitest'
import { parseCompact } from '../../src/identity/compact.ts'
import { makeKeySet } from '../../src/identity/key-set.ts'

interface Test {
  readonly tcId: number
  readonly comment: string
  readonly jws: unknown
  readonly result: 'valid' | 'invalid'
}

interface Group {
  readonly comment: string
  readonly private: JWK
  readonly public?: JWK
  readonly tests: readonly Test[]
}

const load = (name: string): readonly Group[] | null => {
  const file = new URL(`../../../shared/vectors/wycheproof/${name}`, import.meta.url)
  if (!existsSync(file)) return null
  return (JSON.parse(readFileSync(file, 'utf8')) as { testGroups: readonly Group[] }).testGroups
}

const keysOf = (group: Group): readonly unknown[] => {
  const jwk = group.public ?? group.private
  return 'keys' in jwk && Array.isArray(jwk['keys']) ? jwk['keys'] : [jwk]
}

const accepts = async (jws: unknown, keys: readonly unknown[]): Promise<boolean> => {
  const token = parseCompact(typeof jws === 'string' ? jws : JSON.stringify(jws))
  if ('malformed' in token) return false
  const set = makeKeySet(keys)
  const key = set.choose(token.kid, token.algorithm)
  return key !== null && set.verifies(key, token)
}

/** What jose says by itself with the group's key, so that the list of what our checks add stays true. */
const joseAccepts = async (jws: unknown, group: Group): Promise<boolean> => {
  try {
    const [jwk] = keysOf(group) as readonly JWK[]
    await compactVerify(String(jws), await importJWK(jwk ?? {}, jwk?.alg))
    return true
  } catch {
    return false
  }
}

const symmetric = (group: Group): boolean => JSON.stringify(keysOf(group)).includes('"kty":"oct"')

/** Cases that are valid there and that we refuse. */
const stricter = ({ tcId, jws }: Test, group: Group): string | null => {
  if (symmetric(group)) return 'shared secrets are never accepted'
  if (String(jws).includes('..')) return 'an empty payload holds no claims'
  if ([346, 350].includes(tcId)) return 'the key says PS256, the token PS384'
  if ([347, 351].includes(tcId)) return 'there is no algorithm ES521'
  return null
}

/** Cases that are invalid there and that we accept. */
const laxer = ({ comment }: Test): string | null =>
  comment === 'rejectsKeyWithRocaVulnerability' ? 'that its key was made well is up to the issuer' : null

const names = ['json_web_signature_test.json', 'json_web_key_test.json']

for (const name of names) {
  const groups = load(name)
  describe.skipIf(groups === null)(
    `${name}${groups === null ? ' (skipped: ../shared/vectors/wycheproof is not here)' : ''}`,
    () => {
      for (const group of groups ?? []) {
        for (const test of group.tests) {
          const { tcId, comment, jws, result } = test
          const reason = result === 'valid' ? stricter(test, group) : laxer(test)
          const accepted = (result === 'valid') === (reason === null)
          const id = symmetric(group) ? 'J02' : 'J01'
          const verdict = `${accepted ? 'accepted' : 'refused'}${reason === null ? '' : ` (${reason})`}`
          it(`${id}: ${tcId} ${group.comment}: ${comment}: ${verdict}`, async () => {
            expect(await accepts(jws, keysOf(group))).toBe(accepted)
          })
        }
      }
    },
  )
}

const signatures = load('json_web_signature_test.json')
describe.skipIf(signatures === null)('what our checks close that jose leaves open', () => {
  it('J12: is spaces and padding within base64url', async () => {
    const lax: number[] = []
    for (const group of signatures ?? [])
      for (const test of group.tests)
        if (test.result === 'invalid' && (await joseAccepts(test.jws, group))) lax.push(test.tcId)
    expect(lax).toEqual([360, 365, 367, 368, 370, 375])
  })
})
