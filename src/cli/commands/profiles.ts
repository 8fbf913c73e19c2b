import type { Command } from 'commander'
import { lists, runs } from '../command.ts'
import type { Context } from '../context.ts'
import { readCredentials, writeCredentials } from '../credentials.ts'
import { Failure } from '../failure.ts'
import { withLock } from '../file-lock.ts'
import { readProfiles, stateDirectory, writeProfiles } from '../profiles.ts'
import { textTable } from '../text-table.ts'

export function declareProfiles(program: Command): void {
  const profiles = program.command('profiles').description('the Countersigns that you log in to')
  lists(profiles, 'list them; * is current', runList)
  const use = profiles.command('use').description('make one current').argument('<name>')
  runs(use, runUse)
  const remove = profiles
    .command('remove')
    .description('forget one and its credential, without revoking it (logout does)')
    .argument('<name>')
  runs(remove, runRemove)
}

function runList({ terminal }: Context): void {
  const { current, urls } = readProfiles()
  const credentials = readCredentials()
  const items = [...urls].map(([name, url]) => ({
    name,
    url,
    current: name === current,
    loggedIn: credentials.get(name)?.url === url,
  }))
  if (items.length === 0) terminal.remark('There is no profile yet. Make one with: countersign login')
  if (items.length === 0 && !terminal.json) return
  terminal.show({ items }, () =>
    textTable(terminal, items, [
      { title: '', cell: ({ current: is }) => (is ? '*' : ' ') },
      { title: 'profile', cell: ({ name }) => name },
      { title: 'url', cell: ({ url }) => url },
      { title: 'state', cell: ({ loggedIn }) => (loggedIn ? 'logged in' : 'logged out') },
    ]),
  )
}

function known(name: string): ReadonlyMap<string, string> {
  const { urls } = readProfiles()
  if (urls.has(name)) return urls
  throw new Failure('notFound', `There is no profile ${name}.`, { hint: 'countersign profiles list' })
}

async function runUse({ terminal }: Context, _: object, [name = '']: readonly string[]): Promise<void> {
  await withLock(stateDirectory(), () => writeProfiles({ urls: known(name), current: name }))
  terminal.show({ current: name }, () => `${name} is current.`)
}

async function runRemove({ terminal }: Context, _: object, [name = '']: readonly string[]): Promise<void> {
  await withLock(stateDirectory(), () => {
    const urls = new Map(known(name))
    const { current } = readProfiles()
    urls.delete(name)
    const credentials = new Map(readCredentials())
    if (credentials.delete(name)) writeCredentials(credentials)
    writeProfiles({ urls, current: current === name ? null : current })
  })
  terminal.show({ removed: name }, () => `${name} is forgotten.`)
}
