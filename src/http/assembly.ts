import { faultyAssemblyMillis } from '../core/limits.ts'

export interface Assembly<App> {
  readonly app: App
  readonly faulty: boolean
}

interface Isolate<Env, App> {
  /** The app that requests use now; null while there is none, or a faulty one is due to be made again. */
  readonly kept: () => App | null
  readonly make: (env: Env) => Promise<App>
}

/**
 * One app per isolate. Requests that come while it is made each make their own and then all use the first: a promise
 * shared between requests would hang with the one that began it. A faulty one gives way to any that works, and is made
 * again after a while; the one that works is kept, with its leases and keys.
 */
export function onePerIsolate<Env, App>(
  assemble: (env: Env) => Promise<Assembly<App>>,
  now: () => number,
): Isolate<Env, App> {
  let kept: (Assembly<App> & { readonly until: number }) | null = null
  const make = async (env: Env): Promise<App> => {
    const made = await assemble(env)
    if (kept === null || kept.faulty) {
      const until = made.faulty ? now() + faultyAssemblyMillis : Number.POSITIVE_INFINITY
      kept = { ...made, until }
    }
    return kept.app
  }
  return { kept: () => (kept !== null && now() < kept.until ? kept.app : null), make }
}
