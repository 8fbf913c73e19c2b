/** The shared test vectors stand beside the repository; where they are missing, their tests say so and skip. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const folder = join(import.meta.dirname, '../../../shared/vectors')

/** The parsed file, or null where the vectors are not on this machine. */
export const readVectors = (file: string): unknown => {
  const path = join(folder, file)
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : null
}

export const withoutVectors = 'skipped, because ../shared/vectors is not on this machine'
