/** Put in by the build from package.json; from source there is none. */
declare const COUNTERSIGN_VERSION: string | undefined

export const version: string = typeof COUNTERSIGN_VERSION === 'string' ? COUNTERSIGN_VERSION : 'source'
