/** All sandboxes of `npm start`, side by side on neighbouring ports. */
import type { Exchange, Sandbox } from './listen.ts'
import { listen } from './listen.ts'
import { onepinApi } from './onepin.ts'
import { type OpenidProvider, sandboxPeople, startOpenidProvider } from './openid.ts'
import { ordersApi } from './orders.ts'
import { plexicusApi } from './plexicus.ts'
import { pluggedinApi } from './pluggedin.ts'
import { plugipayApi } from './plugipay.ts'
import { sandboxPorts } from './ports.ts'
import type { SandboxKeys } from './secrets.ts'

export interface Sandboxes {
  readonly byUpstream: ReadonlyMap<string, Sandbox>
  /** The latest exchange of one upstream. */
  readonly latest: (upstream: string) => Exchange | undefined
  readonly close: () => Promise<void>
}

/** Starts all or none. Rejects with the error of `listen`, whose `port` says which one was taken. */
export async function startSandboxes(keys: SandboxKeys, workerPort: number): Promise<Sandboxes> {
  const ports = sandboxPorts(workerPort)
  const apis = {
    plugipay: plugipayApi(keys.plugipay),
    pluggedin: pluggedinApi(keys.pluggedin),
    plexicus: plexicusApi(keys.plexicus),
    onepin: onepinApi(keys.onepin),
    orders: ordersApi(keys.orders),
  } as const
  const started: Sandbox[] = []
  let provider: OpenidProvider | null = null
  const close = async (): Promise<void> => {
    await Promise.all([...started, ...(provider === null ? [] : [provider])].map((one) => one.close()))
  }
  try {
    provider = await startOpenidProvider({ port: ports.login, people: () => sandboxPeople })
    for (const name of Object.keys(apis) as (keyof typeof apis)[]) {
      started.push(await listen(name, apis[name], { port: ports[name] }))
    }
  } catch (error) {
    await close()
    throw error
  }
  const byUpstream = new Map(started.map((sandbox) => [sandbox.name, sandbox]))
  return { byUpstream, latest: (upstream) => byUpstream.get(upstream)?.requests.at(-1), close }
}
