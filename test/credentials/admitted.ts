import type { Admitted } from '../../src/core/admission.ts'
import type { Key, Upstream } from '../../src/core/configuration.ts'
import { configuration } from '../http/configuration.ts'

export interface Keys {
  readonly upstream: Upstream
  readonly key: Key
  /** What an account would have admitted. */
  readonly admitted: Admitted
}

/** The key `main` of an upstream with these versions. */
export const keyOf = (
  versions: readonly string[],
  sign: Readonly<Record<string, unknown>> = { scheme: 'bearer' },
  changes: Partial<Key> = {},
): Keys => {
  const config = configuration({
    upstreams: { up: { url: 'https://up.test', sign, keys: { main: versions }, routes: { '* /**': 'all' } } },
    teams: {},
  })
  const upstream = config.upstreams.get('up')
  const parsed = upstream?.keys.get('main')
  if (upstream === undefined || parsed === undefined) throw new Error('the upstream was not configured')
  const key = { ...parsed, ...changes }
  return { upstream, key, admitted: { permit: { upstream, key } } as unknown as Admitted }
}
