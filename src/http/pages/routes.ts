/** The pages for people; nothing here needs a script. */
import { Hono } from 'hono/tiny'
import type { OwnEnv, OwnRoutes } from '../call.ts'
import { homePath } from '../sign-in/next.ts'
import { signInRoutes } from '../sign-in/routes.ts'
import { authorize } from './consent.ts'
import { decideDevice, showDevice } from './device.ts'
import { seeOther } from './page.ts'
import { open, type People, signedIn } from './people.ts'
import { changeTokens, showTokens } from './tokens.ts'

export function pageRoutes(people: People): readonly OwnRoutes[] {
  return [
    signInRoutes(people),
    new Hono<OwnEnv>()
      .on(['GET', 'POST'], '/oauth/authorize', open(people, authorize))
      .get('/device', signedIn(people, showDevice))
      .post('/device', signedIn(people, decideDevice))
      .get('/dashboard', () => seeOther(homePath))
      .get(homePath, signedIn(people, showTokens))
      .post(homePath, signedIn(people, changeTokens)),
  ]
}
