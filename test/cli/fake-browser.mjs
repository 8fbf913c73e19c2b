#!/usr/bin/env node
// What `BROWSER` names in the tests: opens the page as a person's browser would, or as somebody who means harm.
// Plain JavaScript, since the system's own node runs it. Writes what it saw to FAKE_BROWSER_LOG, one line each.
import { appendFileSync } from 'node:fs'
import { get } from 'node:http'

const [, , page] = process.argv
const seen = (text) => appendFileSync(process.env.FAKE_BROWSER_LOG, `${text}\n`)
const request = (url, headers = {}) =>
  new Promise((resolve) => {
    get(url, { headers }, (response) => {
      response.resume()
      response.on('end', () => resolve(response))
    }).on('error', (error) => resolve({ statusCode: error.code, headers: {} }))
  })

seen(page)
if (process.env.COUNTERSIGN_TOKEN !== undefined) seen('a token in the environment')
const approval = await request(page)
const answer = new URL(approval.headers.location)
const altered = (name, value) => {
  const url = new URL(answer)
  url.searchParams.set(name, value)
  return url
}
const without = (name) => {
  const url = new URL(answer)
  url.searchParams.delete(name)
  return url
}
const steps = {
  approve: [[answer]],
  'wrong-state': [[altered('state', 'guessed')], [answer]],
  'wrong-issuer': [[altered('iss', 'https://evil.example')]],
  'no-issuer': [[without('iss')]],
  'other-host': [
    [answer, { host: 'evil.example' }],
    [answer, { host: `localhost:${answer.port}` }],
    [answer],
  ],
  'other-path': [[new URL('/favicon.ico', answer)], [answer]],
  twice: [[answer], [answer]],
}
for (const [url, headers] of steps[process.env.FAKE_BROWSER ?? 'approve']) {
  const { statusCode } = await request(url, headers)
  seen(statusCode)
}
