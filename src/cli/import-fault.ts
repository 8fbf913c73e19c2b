import { pathToFileURL } from 'node:url'

/**
 * `FILE`, or `FILE:LINE` where the error says at which line of that file it arose: of a comma that is missing, the
 * message alone says `Expected ','`, and nothing of where. Node names the file by its path or by its URL.
 */
export function placeOfFault(file: string, error: unknown, shown = file): string {
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  for (const begin of [`${file}:`, `${pathToFileURL(file).href}:`]) {
    const at = stack.indexOf(begin)
    const line = at < 0 ? undefined : /^\d+/.exec(stack.slice(at + begin.length))?.[0]
    if (line !== undefined) return `${shown}:${line}`
  }
  return shown
}
