/** Where a network lets nobody out but through its proxy (HTTPS_PROXY, NO_PROXY). */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { type AddressInfo, connect, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { makeCertificate } from './certificate.ts'
import { type Home, makeHome } from './run-cli.ts'

const token = 'eyJhbGciOiJub25lIn0.e30.c2lnbmF0dXJl'

let home: Home
let folder: string
let origin: string
let proxy: string
const servers: Server[] = []
/** What the proxy was asked to connect to, and every byte that it carried there. */
let asked: string[]
let carried: string
let received: (string | undefined)[]

const listen = async (server: Server): Promise<string> => {
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

beforeEach(async () => {
  ;[asked, carried, received] = [[], '', []]
  home = makeHome()
  folder = mkdtempSync(join(tmpdir(), 'countersign-proxy-'))
  const certificate = makeCertificate()
  writeFileSync(join(folder, 'ca.pem'), certificate.cert)
  const edge = createSecureServer(certificate, (request, response) => {
    received.push(request.headers.authorization)
    response.end('{"data":[]}')
  })
  origin = `https://${await listen(edge)}`
  const tunnel = createServer().on('connect', (request, socket) => {
    asked.push(request.url ?? '')
    const [host, port] = (request.url ?? '').split(':')
    const onward = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n')
      socket.on('data', (bytes: Buffer) => {
        carried += bytes.toString('latin1')
      })
      socket.pipe(onward).pipe(socket)
    })
    socket.on('error', () => onward.destroy())
    onward.on('error', () => socket.destroy())
  })
  proxy = `http://${await listen(tunnel)}`
})
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
  home.remove()
  rmSync(folder, { recursive: true })
})

const call = (env: Readonly<Record<string, string>>) =>
  home.run(['call', 'x/a'], {
    env: {
      COUNTERSIGN_URL: origin,
      COUNTERSIGN_TOKEN: token,
      NODE_EXTRA_CA_CERTS: join(folder, 'ca.pem'),
      ...env,
    },
  })

it.each(['HTTPS_PROXY', 'https_proxy'])('goes through %s, which sees no token', async (name) => {
  expect(await call({ [name]: proxy })).toMatchObject({ code: 0, stdout: '{"data":[]}' })
  expect(asked).toEqual([origin.slice('https://'.length)])
  expect(received).toEqual([`Bearer ${token}`])
  expect(carried).not.toContain(token)
})

it('goes around it to what NO_PROXY names', async () => {
  expect(await call({ HTTPS_PROXY: proxy, NO_PROXY: '127.0.0.1' })).toMatchObject({ code: 0 })
  expect(asked).toEqual([])
})

it('goes around it with plain http, which is for this machine only', async () => {
  const plain = createServer((_, response) => response.end('[]'))
  const env = { COUNTERSIGN_URL: `http://${await listen(plain)}`, HTTP_PROXY: proxy, http_proxy: proxy }
  expect(await call(env)).toMatchObject({ code: 0, stdout: '[]' })
})

it('says so when there is no way through: exit 6', async () => {
  const ended = await call({ HTTPS_PROXY: 'http://127.0.0.1:1' })
  expect(ended).toMatchObject({ code: 6, stdout: '' })
})
