/** The pass-through with the objects of Countersign beside it, one of which keeps a row in SQLite. */
import { DurableObject } from 'cloudflare:workers'

export class TeamAccount extends DurableObject {
  note() {
    const { sql } = this.ctx.storage
    sql.exec('create table if not exists notes (text)')
    sql.exec("insert into notes values ('x')")
  }
}

export class Directory extends DurableObject {}

let noted = false

export default {
  async fetch(request, env) {
    if (!noted) {
      noted = true
      await env.ACCOUNTS.getByName('bench').note()
    }
    const url = new URL(request.url)
    return fetch(env.UPSTREAM + url.pathname + url.search, {
      method: request.method,
      headers: request.headers,
      body: request.body,
      redirect: 'manual',
    })
  },
}
