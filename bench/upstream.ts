/**
 * The upstream of the bench, a process of its own: raw node:net, because Node's http module takes longer for
 * a request than a pass-through Worker and would be what is measured. It reads every request to its end and
 * answers as a small JSON API would.
 */
import { createServer, type Socket } from 'node:net'

const body = '{"data":{"id":"cus_1","name":"A customer","created":1700000000},"error":null,"meta":{"page":1}}'
const answer = Buffer.from(
  `HTTP/1.1 200 OK\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\nserver: bench\r\ncontent-type: application/json\r\ncache-control: no-store\r\nx-request-id: req_0123456789\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
)
const headEnd = Buffer.from('\r\n\r\n')
const lastChunk = Buffer.from('0\r\n\r\n')

/** What is still to come of the current request: so many bytes, chunks until the last one, or nothing. */
type Awaited = { readonly kind: 'head' } | { kind: 'length'; left: number } | { readonly kind: 'chunks' }

const serve = (socket: Socket): void => {
  let awaited: Awaited = { kind: 'head' }
  let rest: Buffer | null = null
  socket.on('error', () => socket.destroy())
  socket.on('data', (data) => {
    let chunk: Buffer = rest === null ? data : Buffer.concat([rest, data])
    rest = null
    while (chunk.length > 0) {
      if (awaited.kind === 'length') {
        const taken = Math.min(awaited.left, chunk.length)
        awaited.left -= taken
        chunk = chunk.subarray(taken)
        if (awaited.left > 0) return
      } else if (awaited.kind === 'chunks') {
        if (!chunk.subarray(-lastChunk.length).equals(lastChunk)) {
          rest = chunk.subarray(-lastChunk.length)
          return
        }
        chunk = chunk.subarray(chunk.length)
      } else {
        const end = chunk.indexOf(headEnd)
        if (end < 0) {
          rest = chunk
          return
        }
        const head = chunk.toString('latin1', 0, end)
        chunk = chunk.subarray(end + headEnd.length)
        awaited = bodyOf(head)
        if (awaited.kind !== 'head') continue
      }
      awaited = { kind: 'head' }
      socket.write(answer)
    }
  })
}

const bodyOf = (head: string): Awaited => {
  if (head.startsWith('GET ')) return { kind: 'head' }
  const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0)
  if (length > 0) return { kind: 'length', left: length }
  return /\r\ntransfer-encoding: *chunked/i.test(head) ? { kind: 'chunks' } : { kind: 'head' }
}

const server = createServer({ noDelay: true }, serve)
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (typeof address === 'object' && address !== null) process.send?.({ port: address.port })
})
process.on('disconnect', () => process.exit())
