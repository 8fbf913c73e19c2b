import { expect, test } from 'vitest'
import { Presence } from '../../src/http/presence.ts'

const presence = () => {
  const client = new AbortController()
  const asked: string[] = []
  const watched = new Presence(client.signal, () => asked.push('outlive'))
  return { client, asked, watched }
}

test('a client that leaves is known to have left, and its call outlives it', () => {
  const { client, asked, watched } = presence()
  watched.onLeave = () => asked.push('leave')
  expect(watched.left).toBe(false)
  client.abort()
  expect(watched.left).toBe(true)
  expect(asked).toEqual(['outlive', 'leave'])
})

test('a call outlives its client also when nothing waits for that', () => {
  const { client, asked } = presence()
  client.abort()
  expect(asked).toEqual(['outlive'])
})

test('nobody listens any more once there is an answer', () => {
  const { client, asked, watched } = presence()
  watched.end()
  client.abort()
  expect(asked).toEqual([])
})
