import { Hono } from 'hono/tiny'
import { writeInstantOrNull } from '../../tokens/instant.ts'
import type { OwnEnv, OwnRoutes } from '../call.ts'
import type { Guard } from './authorize.ts'
import { methodNotAllowed, privateJson } from './request.ts'

/** `GET /api/whoami`: whom the credential stands for, and until when. */
export function whoamiRoutes(guard: Guard): OwnRoutes {
  return new Hono<OwnEnv>()
    .get('/api/whoami', async ({ req: { raw } }) => {
      const { subject, team, role, scopes, expiresAt } = await guard(raw)
      return privateJson({
        subject,
        team,
        role,
        scopes,
        expiresAt: writeInstantOrNull(expiresAt === null ? null : expiresAt * 1000),
      })
    })
    .all('/api/whoami', () => methodNotAllowed('GET, HEAD'))
}
