/** `npm run docs:cli`: writes docs/cli.md anew from the commands' own help. */
import { writeFileSync } from 'node:fs'
import { createProgram } from '../src/cli/program.ts'
import { createReference } from '../src/cli/reference.ts'

writeFileSync('docs/cli.md', createReference(createProgram()))
