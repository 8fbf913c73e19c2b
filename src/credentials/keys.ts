/**
 * From the name of a binding to a key that signs. A version is opened once and kept; a faulty one disables only
 * itself. Nothing here ever leaves without a credential: no usable version is 503, never an unsigned request.
 */
import type { Admitted } from '../core/admission.ts'
import { bindingText } from '../core/binding.ts'
import type { Key, Upstream } from '../core/configuration.ts'
import { secretStoreMillis, secretStoreRetryMillis } from '../core/limits.ts'
import { Refusal } from '../core/problems.ts'
import { own } from '../core/table.ts'
import type { SetTimer } from '../core/within.ts'
import { type OpenKey, SecretFault } from '../signing/scheme.ts'
import { beginsWithRefused, isLive, isTestName } from '../signing/secret.ts'

/** One version of a key, opened. */
export interface Credential {
  /** Name of its binding. */
  readonly version: string
  readonly open: OpenKey
}

interface Ring {
  readonly usable: readonly Credential[]
  readonly faults: readonly string[]
  /** Secrets Store values can change without a deployment, so their rings are read again after a while. */
  readonly until: number
}

export interface KeyStoreOptions {
  readonly bindings: Readonly<Record<string, unknown>>
  readonly now: () => number
  readonly setTimer: SetTimer
}

export class KeyStore {
  readonly #bindings: Readonly<Record<string, unknown>>
  readonly #now: () => number
  readonly #setTimer: SetTimer
  readonly #rings = new Map<Key, Ring>()

  constructor({ bindings, now, setTimer }: KeyStoreOptions) {
    this.#bindings = bindings
    this.#now = now
    this.#setTimer = setTimer
  }

  /** The active version of the key that was admitted. Throws or rejects with Refusal `credential_unavailable`. */
  open({ permit: { upstream, key } }: Admitted): Credential | Promise<Credential> {
    const ring = this.#fresh(key)
    return ring === undefined
      ? this.#read(upstream, key).then((read) => active(read, key))
      : active(ring, key)
  }

  /** The version that stands by behind this one; null when there is none. */
  next({ permit: { key } }: Admitted, version: string): Credential | null {
    const usable = this.#rings.get(key)?.usable ?? []
    return usable[usable.findIndex((credential) => credential.version === version) + 1] ?? null
  }

  /** What is wrong with a key's versions, for the log and for readiness; empty when all is well. */
  async faults(upstream: Upstream, key: Key): Promise<readonly string[]> {
    return (this.#fresh(key) ?? (await this.#read(upstream, key))).faults
  }

  /** For an administrator who asks how a call would be signed: nothing is sent with what this opens. */
  async openToExplain(
    upstream: Upstream,
    key: Key,
  ): Promise<{ readonly open: OpenKey | null; readonly faults: readonly string[] }> {
    const { usable, faults } = this.#fresh(key) ?? (await this.#read(upstream, key))
    return { open: usable[0]?.open ?? null, faults }
  }

  #fresh(key: Key): Ring | undefined {
    const ring = this.#rings.get(key)
    return ring !== undefined && ring.until > this.#now() ? ring : undefined
  }

  async #read(upstream: Upstream, key: Key): Promise<Ring> {
    const usable: Credential[] = []
    const faults: string[] = []
    let stored = false
    for (const version of key.versions) {
      try {
        const binding = own(this.#bindings, version)
        stored ||= typeof binding === 'object'
        const text = await bindingText(binding, this.#setTimer)
        if (text === undefined) throw new SecretFault('the binding is missing')
        if (text === null) throw new SecretFault('the secret cannot be read, or not in time')
        refuseForm(text, key)
        usable.push({ version, open: await upstream.scheme.open(text) })
      } catch (error) {
        faults.push(`${version}: ${faultText(error)}`)
      }
    }
    const keptMillis = faults.length > 0 ? secretStoreRetryMillis : secretStoreMillis
    const ring = { usable, faults, until: stored ? this.#now() + keptMillis : Number.POSITIVE_INFINITY }
    this.#rings.set(key, ring)
    return ring
  }
}

function active(ring: Ring, key: Key): Credential {
  const [credential] = ring.usable
  if (credential !== undefined) return credential
  throw new Refusal('credential_unavailable', {
    detail: `The key ${key.name} of ${key.upstream} is not usable. Ask the platform team, or choose another key.`,
    reason: ring.faults.join('; '),
  })
}

/** What is wrong whatever the scheme. Says nothing of the text itself. */
function refuseForm(text: string, key: Key): void {
  if (text === '') throw new SecretFault('the secret is empty')
  if (text.trim() !== text) throw new SecretFault('the secret has white space at its beginning or end')
  if (beginsWithRefused(text, key.refusedPrefixes) || (isTestName(key.name) && isLive(text))) {
    throw new SecretFault(`the secret belongs to another mode than the key "${key.name}"`)
  }
}

/** Only our own words: a message of the runtime could quote what it was given. */
function faultText(error: unknown): string {
  return error instanceof SecretFault
    ? error.message
    : 'the secret cannot be read or has not the form of its scheme'
}
