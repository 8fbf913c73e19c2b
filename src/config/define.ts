import type { Config, UpstreamKeys } from './types.ts'

export type * from './types.ts'

/**
 * The configuration, typed: an editor completes it, and `tsc` refuses unknown fields, grants of unknown
 * upstreams or keys, and options of another scheme. Returns what it is given.
 */
export function defineConfig<const Keys extends UpstreamKeys>(config: Config<Keys>): Config<Keys> {
  return config
}
