import { Hono } from 'hono/tiny'
import { writeInstantOrNull } from '../../tokens/instant.ts'
import type { OwnEnv, OwnRoutes } from '../call.ts'
import { privateJson } from '../json.ts'
import type { Guard } from './authorize.ts'

/** `GET /api/whoami`: whom the credential stands for, and until when. */
export function whoamiRoutes(guard: Guard): OwnRoutes {
  return new Hono<OwnEnv>().get('/api/whoami', async ({ req: { raw } }) => {
    const { grantId: _descent, expiresAt, ...who } = await guard(raw)
    return privateJson({
      ...who,
      expiresAt: writeInstantOrNull(expiresAt === null ? null : expiresAt * 1000),
    })
  })
}
