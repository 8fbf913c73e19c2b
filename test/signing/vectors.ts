import { existsSync, readFileSync } from 'node:fs'

/** Vectors lie beside the repository and are not part of it. */
const root = new URL('../../../shared/vectors/', import.meta.url)

/** What `describe.skipIf` says when they are not there. */
export const withoutVectors = (folder: string): string =>
  vectorsAreThere(folder) ? '' : ` (skipped: ../shared/vectors/${folder} is not on this machine)`

export const vectorsAreThere = (folder: string): boolean => existsSync(new URL(`${folder}/`, root))

export const vectorUrl = (path: string): URL => new URL(path, root)

export const readVectorText = (path: string): string => readFileSync(vectorUrl(path), 'utf8')

export const readVectors = (path: string): unknown => JSON.parse(readVectorText(path))
