import { isolateBufferBytesMax, teamBufferBytesMax } from '../core/limits.ts'
import { Refusal } from '../core/problems.ts'

/** Memory for buffered bodies, shared by all calls of an isolate; one team gets at most half of it. */
export class Buffers {
  #taken = 0
  readonly #byTeam = new Map<string, number>()

  /** Takes `bytes` for a team; throws Refusal `overloaded` when they are not there. */
  take(team: string, bytes: number): void {
    const ofTeam = (this.#byTeam.get(team) ?? 0) + bytes
    if (this.#taken + bytes > isolateBufferBytesMax || ofTeam > teamBufferBytesMax) {
      throw new Refusal('overloaded', {
        reason: 'body buffers are full',
        headers: { 'retry-after': '1' },
      })
    }
    this.#taken += bytes
    this.#byTeam.set(team, ofTeam)
  }

  give(team: string, bytes: number): void {
    this.#taken -= bytes
    const left = (this.#byTeam.get(team) ?? 0) - bytes
    if (left > 0) this.#byTeam.set(team, left)
    else this.#byTeam.delete(team)
  }

  /** Bytes that are taken now, for tests and the bench. */
  get taken(): number {
    return this.#taken
  }
}

/** What one body holds of the buffers: grows while it is read and is given back once. */
export class BufferShare {
  readonly #buffers: Buffers
  readonly #team: string
  #bytes = 0
  #released = false

  constructor(buffers: Buffers, team: string) {
    this.#buffers = buffers
    this.#team = team
  }

  /** Raises the share to `bytes` in all; throws Refusal `overloaded`, or Error once it was given back. */
  growTo(bytes: number): void {
    if (this.#released) throw new Error('the share was given back')
    this.#buffers.take(this.#team, bytes - this.#bytes)
    this.#bytes = bytes
  }

  release(): void {
    if (this.#released) return
    this.#released = true
    this.#buffers.give(this.#team, this.#bytes)
  }
}
