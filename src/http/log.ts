import type { Key } from '../core/configuration.ts'
import { logFieldCharsMax } from '../core/limits.ts'
import type { Caller } from '../core/permit.ts'
import { problems, type Refusal } from '../core/problems.ts'
import type { Route } from '../core/route.ts'
import type { Call } from './call.ts'

/**
 * One line of JSON per call, with fixed fields. Nothing that a caller or an upstream wrote stands in it but the
 * subject of a verified token: the path shows as the route that it matched, headers and bodies not at all.
 *
 * Joined from members that are written once for each caller, key and route: as one object it cost every call twice
 * the instructions (measured).
 */
export function callLine(call: Call, status: number, now: number, refusal: Refusal | null): string {
  const { caller, permit } = call
  let line = `{"event":"call","id":"${call.id}","time":"${timeText(call.startedAt)}"`
  line += `,"millis":${now - call.startedAt},"method":${JSON.stringify(call.method)},"status":${status}`
  if (call.outcome !== null) line += `,"outcome":"${call.outcome}"`
  if (caller !== null) line += callerMembers(caller)
  if (permit !== null) line += keyMembers(permit.key)
  if (call.version !== null) line += `,"version":${JSON.stringify(call.version)}`
  if (permit !== null) line += routeMembers(permit.route)
  if (refusal !== null) line += refusalMembers(refusal)
  return `${line}}`
}

type Members = Readonly<Record<string, string | undefined>>

/** `,"name":"value"` for each that has a value. */
function written(members: Members): string {
  const text = JSON.stringify(members).slice(1, -1)
  return text === '' ? '' : `,${text}`
}

/** Written at the first call and then remembered for as long as the thing itself is. */
function writtenOnce<Thing extends WeakKey>(membersOf: (thing: Thing) => Members) {
  const known = new WeakMap<Thing, string>()
  return (thing: Thing): string => {
    let text = known.get(thing)
    if (text === undefined) {
      text = written(membersOf(thing))
      known.set(thing, text)
    }
    return text
  }
}

function bounded(text: string): string {
  return text.length > logFieldCharsMax ? `${text.slice(0, logFieldCharsMax)}...` : text
}

const callerMembers = writtenOnce(({ team, issuer, subject }: Caller) => ({
  team,
  issuer: issuer.name,
  subject: bounded(subject),
}))

const keyMembers = writtenOnce(({ upstream, name }: Key) => ({ upstream, key: name }))

const routeMembers = writtenOnce(({ text }: Route) => ({ route: text }))

function refusalMembers({ code, reason }: Refusal): string {
  return written({
    code,
    owner: problems[code].owner,
    reason: reason === undefined ? undefined : bounded(reason),
  })
}

let second = Number.NaN
let secondText = ''

/** As `Date.toISOString`, which is asked once a second. */
function timeText(millis: number): string {
  const past = millis % 1_000
  if (millis - past !== second) {
    second = millis - past
    secondText = new Date(second).toISOString().slice(0, -4)
  }
  return `${secondText}${String(past).padStart(3, '0')}Z`
}
