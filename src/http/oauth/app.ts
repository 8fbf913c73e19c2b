/** The token service's routes that programs call; those for people are in `http/pages`. */
import { Hono } from 'hono/tiny'
import { audienceOf } from '../../tokens/access-token.ts'
import type { TokenService } from '../../tokens/token-service.ts'
import type { OwnEnv, OwnRoutes } from '../call.ts'
import { publicJson } from '../json.ts'
import { answerDeviceAuthorization } from './device-authorization.ts'
import { errorResponse, formEndpoints, serviceOff } from './endpoint.ts'
import {
  authorizationServerMetadata,
  metadataPaths,
  protectedResourceMetadata,
  publishedKeys,
} from './metadata.ts'
import { answerRevocation } from './revoke.ts'
import { answerTokenRequest } from './token.ts'

interface OAuthRoutesOptions {
  readonly log: (line: string) => void
}

export function oauthRoutes(service: TokenService, { log }: OAuthRoutesOptions): OwnRoutes {
  const { config, signing } = service
  const { url } = config
  // Kept for a minute, so that a new key is known long before the one it replaces goes.
  const document = (body: object) => (): Response =>
    signing === null ? errorResponse(serviceOff()) : publicJson(body, 60)
  const resourceDocument = (resource: string) => document(protectedResourceMetadata(url, resource))
  const endpoint = formEndpoints(service, log)
  return new Hono<OwnEnv>()
    .get(metadataPaths.authorizationServer, document(authorizationServerMetadata(url)))
    .get(metadataPaths.protectedResource, resourceDocument(url))
    .get(`${metadataPaths.protectedResource}/api`, resourceDocument(audienceOf(url, 'administration')))
    .get(metadataPaths.keys, document(publishedKeys(service)))
    .all('/oauth/token', endpoint(answerTokenRequest))
    .all('/oauth/device_authorization', endpoint(answerDeviceAuthorization))
    .all('/oauth/revoke', endpoint(answerRevocation))
}
