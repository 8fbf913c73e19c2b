/** How a catalogue file becomes a function of keys and overrides. */
import { isTestName } from '../signing/secret.ts'
import type { CatalogueOptions, KeyBindings, UpstreamDefinition } from './definition.ts'

type Entry = Omit<UpstreamDefinition, 'keys' | 'refusedPrefixes'> & {
  /** What only live keys begin with: refused in every slot that is named after testing. */
  readonly livePrefixes?: readonly string[]
}

/** An API with a base URL of its own. */
export function entry({ livePrefixes = [], ...defaults }: Entry) {
  return <const Keys extends KeyBindings>({
    keys,
    ...overrides
  }: CatalogueOptions<Keys>): UpstreamDefinition<Keys> => ({
    ...defaults,
    keys,
    ...(livePrefixes.length > 0 ? { refusedPrefixes: refuseLiveInTest(keys, livePrefixes) } : {}),
    ...overrides,
  })
}

/** An API that everybody runs at an address of their own: `url` is required. */
export function entryWithoutUrl(defaults: Omit<Entry, 'url'>) {
  return <const Keys extends KeyBindings>(
    options: CatalogueOptions<Keys> & { readonly url: string },
  ): UpstreamDefinition<Keys> => entry({ ...defaults, url: options.url })(options)
}

function refuseLiveInTest(
  keys: KeyBindings,
  livePrefixes: readonly string[],
): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    Object.keys(keys)
      .filter(isTestName)
      .map((name) => [name, livePrefixes]),
  )
}
