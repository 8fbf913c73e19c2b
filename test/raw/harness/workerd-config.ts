/** The Cap'n Proto configuration of a run. */

interface ConfigOptions {
  readonly compatibility: { readonly date: string; readonly flags: readonly string[] }
  readonly bindingNames: readonly string[]
  readonly objects: boolean
  readonly isolates: number
  readonly stateFolder: string
  /** Bindings of the platform that the deployment lacks. */
  readonly without: readonly string[]
  readonly secretsStore: SecretsStore | null
}

/** A Secrets Store: its bindings answer `get()` with what a GET of `<url>/<name>` gives, when and if it does. */
export interface SecretsStore {
  readonly url: string
  readonly names: readonly string[]
}

const objectNamespaces = [
  { binding: 'ACCOUNTS', className: 'TeamAccount' },
  { binding: 'DIRECTORY', className: 'Directory' },
] as const

/**
 * Isolate 0 owns the objects; the others are services of their own that reach the same objects, as isolates
 * in other places do. Loopback upstreams need `local` among the allowed networks.
 */
export const workerdConfig = (options: ConfigOptions): string => {
  const { isolates, stateFolder, secretsStore } = options
  const services = Array.from(
    { length: isolates },
    (_unused, index) => `(name = "edge-${index}", worker = .edge${index})`,
  )
  const sockets = Array.from(
    { length: isolates },
    (_unused, index) =>
      `(name = "http-${index}", address = "127.0.0.1:0", http = (), service = "edge-${index}")`,
  )
  const disk = `(name = "disk", disk = (path = "${stateFolder}", writable = true))`
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    ${[...services, '(name = "kv", worker = .kv)', ...(secretsStore === null ? [] : [storeService]), disk, internet].join(',\n    ')}
  ],
  sockets = [ ${[...sockets, kvSocket].join(', ')} ]
);
const kv :Workerd.Worker = (
  modules = [ (name = "kv", esModule = embed "kv.js") ],
  compatibilityDate = "${options.compatibility.date}"
);
${secretsStore === null ? '' : storeConfig(options.compatibility.date)}
${Array.from({ length: isolates }, (_unused, index) => isolateConfig(options, index)).join('\n')}
`
}

/** For tests that look at what was written. */
const kvSocket = '(name = "kv", address = "127.0.0.1:0", http = (), service = "kv")'

const internet = `(name = "internet", network = (allow = ["private", "public", "local"],
      tlsOptions = (trustBrowserCas = true)))`

const storeService = '(name = "store", worker = .store)'

const storeConfig = (compatibilityDate: string): string => `const store :Workerd.Worker = (
  modules = [ (name = "store", esModule = embed "store.js") ],
  compatibilityDate = "${compatibilityDate}"
);`

const platformBinding = (name: string, index: number): string => {
  if (name === 'USAGE') return '(name = "USAGE", kvNamespace = "kv")'
  const { className } = objectNamespaces.find(({ binding }) => binding === name) ?? { className: '' }
  const owner = index === 0 ? '' : ', serviceName = "edge-0"'
  return `(name = "${name}", durableObjectNamespace = (className = "${className}"${owner}))`
}

const storedBinding = (name: string): string =>
  `(name = "${name}", service = (name = "store", entrypoint = "Stored", props = (json = "{\\"name\\":\\"${name}\\"}")))`

const isolateConfig = (options: ConfigOptions, index: number): string => {
  const { compatibility, bindingNames, objects, without, secretsStore } = options
  const platform = ['USAGE', ...(objects ? objectNamespaces.map(({ binding }) => binding) : [])]
  const bindings = [
    ...platform.filter((name) => !without.includes(name)).map((name) => platformBinding(name, index)),
    ...bindingNames.map((name) => `(name = "${name}", text = embed "binding-${name}")`),
    ...(secretsStore?.names ?? []).map(storedBinding),
  ]
  const namespaces = objectNamespaces.map(
    ({ className }) => `(className = "${className}", uniqueKey = "${className}", enableSql = true)`,
  )
  const owned =
    objects && index === 0
      ? `,\n  durableObjectNamespaces = [ ${namespaces.join(', ')} ],\n  durableObjectStorage = (localDisk = "disk")`
      : ''
  return `const edge${index} :Workerd.Worker = (
  modules = [ (name = "worker", esModule = embed "worker.js") ],
  compatibilityDate = "${compatibility.date}",
  compatibilityFlags = [ ${compatibility.flags.map((flag) => `"${flag}"`).join(', ')} ],
  bindings = [
    ${bindings.join(',\n    ')}
  ]${owned}
);`
}

/**
 * What workerd sends to a KV binding's service: the key as the path; a Map is all that tests need. A list tells how often
 * was written so far.
 */
export const kvWorker = `const entries = new Map()
let writes = 0
export default {
  async fetch(request) {
    const url = new URL(request.url)
    const key = decodeURIComponent(url.pathname.slice(1))
    if (request.method === 'PUT') {
      writes += 1
      entries.set(key, await request.text())
      return new Response(null, { status: 204 })
    }
    if (request.method === 'DELETE') {
      entries.delete(key)
      return new Response(null, { status: 204 })
    }
    if (key === '') {
      const prefix = url.searchParams.get('prefix') ?? ''
      const keys = [...entries.keys()].filter((name) => name.startsWith(prefix)).sort()
      return Response.json({ keys: keys.map((name) => ({ name })), list_complete: true, writes })
    }
    const value = entries.get(key)
    return value === undefined ? new Response(null, { status: 404 }) : new Response(value)
  },
}
`

export const storeWorker = (url: string): string => `import { WorkerEntrypoint } from 'cloudflare:workers'
export class Stored extends WorkerEntrypoint {
  async get() {
    const response = await fetch('${url}/' + this.ctx.props.name)
    return response.text()
  }
}
export default {}
`
