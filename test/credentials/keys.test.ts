import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { secretStoreMillis, secretStoreReadMillis, secretStoreRetryMillis } from '../../src/core/limits.ts'
import { KeyStore } from '../../src/credentials/keys.ts'
import { setTimer } from '../../src/http/timer.ts'
import { refusalOf } from '../core/refused.ts'
import { keyOf } from './admitted.ts'

const store = (bindings: Readonly<Record<string, unknown>>, now: () => number = () => 0): KeyStore =>
  new KeyStore({ bindings, now, setTimer })

/** A Secrets Store binding whose answers can be changed, and counted. */
const secretsStore = (answer: () => unknown) => {
  const binding = {
    reads: 0,
    get: async () => {
      binding.reads += 1
      return answer()
    },
  }
  return binding
}

const textsOf = async (
  keys: KeyStore,
  { admitted }: ReturnType<typeof keyOf>,
): Promise<readonly string[]> => {
  const { open } = await keys.open(admitted)
  return open.kind === 'sign' ? open.sends : []
}

describe('the active version', () => {
  test('is the first, and the next ones stand by in order', async () => {
    const { admitted } = keyOf(['A', 'B', 'C'])
    const keys = store({ A: 'made-up-a', B: 'made-up-b', C: 'made-up-c' })
    expect((await keys.open(admitted)).version).toBe('A')
    expect(keys.next(admitted, 'A')?.version).toBe('B')
    expect(keys.next(admitted, 'B')?.version).toBe('C')
    expect(keys.next(admitted, 'C')).toBe(null)
  })

  test('is the first that can be used: a faulty one disables only itself', async () => {
    const { admitted, upstream, key } = keyOf(['GONE', 'SPACED ', 'GOOD', 'LAST'].map((name) => name.trim()))
    const keys = store({ SPACED: 'made-up ', GOOD: 'made-up-good', LAST: 'made-up-last' })
    expect((await keys.open(admitted)).version).toBe('GOOD')
    expect(keys.next(admitted, 'GOOD')?.version).toBe('LAST')
    expect(await keys.faults(upstream, key)).toHaveLength(2)
  })

  test('of a Worker secret is opened once, and then at hand without waiting', async () => {
    const made = keyOf(['A'])
    const keys = store({ A: 'made-up-a' })
    const first = await keys.open(made.admitted)
    expect(keys.open(made.admitted)).toBe(first)
  })
})

test('K01: a secrets store that does not answer in time disables its key until it does', async () => {
  vi.useFakeTimers()
  onTestFinished(() => {
    vi.useRealTimers()
  })
  let answers: Promise<string> = new Promise(() => {})
  const binding = secretsStore(() => answers)
  const { admitted, upstream, key } = keyOf(['A'])
  const keys = store({ A: binding }, Date.now)
  const refused = refusalOf(async () => keys.open(admitted))
  await vi.advanceTimersByTimeAsync(secretStoreReadMillis)
  expect(await refused).toMatchObject({ code: 'credential_unavailable' })
  expect(await keys.faults(upstream, key)).toEqual(['A: the secret cannot be read, or not in time'])
  answers = Promise.resolve('made-up-a')
  await vi.advanceTimersByTimeAsync(secretStoreRetryMillis)
  expect((await keys.open(admitted)).version).toBe('A')
  expect(vi.getTimerCount()).toBe(0)
})

describe('K01: a key without a usable version', () => {
  test.each([
    ['a missing binding', {}],
    ['an empty secret', { A: '' }],
    ['white space before it', { A: ' made-up' }],
    ['a newline behind it', { A: 'made-up\n' }],
    ['only white space', { A: ' \n' }],
    ['a number', { A: 7 }],
    ['nothing', { A: undefined }],
    ['null', { A: null }],
    ['a Secrets Store that has nothing', { A: secretsStore(() => null) }],
    ['a Secrets Store that has no text', { A: secretsStore(() => 7) }],
    ['a Secrets Store that fails', { A: secretsStore(() => Promise.reject(new Error('made-up-inner'))) }],
    ['a form that the scheme refuses', { A: 'two made-up-words' }],
  ])(
    'for %s is 503 credential_unavailable, and the log names the binding and no text',
    async (_what, bindings) => {
      const { admitted, upstream, key } = keyOf(['A'])
      const keys = store(bindings)
      const refusal = await refusalOf(() => keys.open(admitted))
      expect(refusal.code).toBe('credential_unavailable')
      expect(refusal.reason).toMatch(/^A: /)
      expect(`${refusal.reason} ${refusal.detail} ${refusal.message}`).not.toContain('made-up')
      expect(refusal.detail).not.toContain('A:')
      expect(await keys.faults(upstream, key)).toHaveLength(1)
    },
  )

  test('says it again on every call, and never hands out anything', async () => {
    const { admitted } = keyOf(['A', 'B'])
    const keys = store({})
    for (const _call of [1, 2]) {
      const refusal = await refusalOf(() => keys.open(admitted))
      expect(refusal.reason).toBe('A: the binding is missing; B: the binding is missing')
    }
    expect(keys.next(admitted, 'A')).toBe(null)
  })

  test.each(['__proto__', 'constructor', 'toString'])('is what a binding named %s is', async (name) => {
    const { admitted } = keyOf(['A'], { scheme: 'bearer' }, { versions: [name] })
    expect((await refusalOf(() => store({}).open(admitted))).code).toBe('credential_unavailable')
  })

  test('leaves the other keys alone', async () => {
    const bad = keyOf(['BAD'])
    const good = keyOf(['GOOD'])
    const keys = store({ GOOD: 'made-up-good' })
    await refusalOf(() => keys.open(bad.admitted))
    expect((await keys.open(good.admitted)).version).toBe('GOOD')
  })
})

describe('a secret of another mode', () => {
  const bindings = { LIVE: 'ak_live_madeup:sk_live_madeup', TEST: 'ak_test_madeup:sk_test_madeup' }

  test.each([
    ['LIVE', ['ak_live_', 'sk_live_'], false],
    ['TEST', ['ak_live_', 'sk_live_'], true],
    ['LIVE', ['ak_test_', 'sk_test_'], true],
    ['LIVE', ['sk_live_'], false],
    ['LIVE', [], true],
  ] as const)('%s in a slot that refuses %j is usable: %s', async (version, refusedPrefixes, usable) => {
    const made = keyOf([version], { scheme: 'plugipay' }, { refusedPrefixes })
    const opened = store(bindings).open(made.admitted)
    if (usable) expect((await opened).version).toBe(version)
    else {
      const refusal = await refusalOf(() => opened)
      expect(refusal.reason).toContain('another mode')
      expect(refusal.reason).not.toContain('madeup')
    }
  })
})

describe('a live secret', () => {
  test.each([
    ['test', 'pk_live_madeup:sk_live_madeup', false],
    ['ci-test', 'pk_test_madeup:sk_live_madeup', false],
    ['sandbox', 'op_live_madeup', false],
    ['test', 'pk_test_madeup:sk_test_madeup', true],
    ['test', 'madeup_alive_live_', true],
    ['latest', 'sk_live_madeup', true],
    ['live', 'sk_live_madeup', true],
  ])('in the slot %s of any API: %s is usable: %s', async (name, secret, usable) => {
    const made = keyOf(['A'], { scheme: 'bearer' }, { name })
    const opened = store({ A: secret }).open(made.admitted)
    if (usable) expect((await opened).version).toBe('A')
    else expect((await refusalOf(() => opened)).code).toBe('credential_unavailable')
  })
})

describe('a Secrets Store', () => {
  test('is read again after a minute, and a new value is used from then on', async () => {
    let now = 0
    let secret = 'made-up-old'
    const binding = secretsStore(() => secret)
    const made = keyOf(['A'])
    const keys = store({ A: binding }, () => now)
    expect(await textsOf(keys, made)).toEqual(['made-up-old'])
    secret = 'made-up-new'
    now = secretStoreMillis - 1
    expect(await textsOf(keys, made)).toEqual(['made-up-old'])
    expect(binding.reads).toBe(1)
    now = secretStoreMillis
    expect(await textsOf(keys, made)).toEqual(['made-up-new'])
    expect(binding.reads).toBe(2)
  })

  test('that failed is read again after two seconds, not after sixty', async () => {
    let now = 0
    let secret: string | null = null
    const made = keyOf(['A'])
    const keys = store({ A: secretsStore(() => secret) }, () => now)
    await refusalOf(() => keys.open(made.admitted))
    secret = 'made-up'
    now = secretStoreRetryMillis - 1
    await refusalOf(() => keys.open(made.admitted))
    now = secretStoreRetryMillis
    expect((await keys.open(made.admitted)).version).toBe('A')
  })

  test('whose secret was deleted stops the key within the minute', async () => {
    let now = 0
    let secret: string | null = 'made-up'
    const made = keyOf(['A'])
    const keys = store({ A: secretsStore(() => secret) }, () => now)
    await keys.open(made.admitted)
    secret = null
    now = secretStoreMillis
    expect((await refusalOf(() => keys.open(made.admitted))).code).toBe('credential_unavailable')
  })
})
