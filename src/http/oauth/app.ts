/** The token service's routes that programs call; those for people are in `http/pages`. */
import { Hono } from 'hono/tiny'
import { audienceOf } from '../../tokens/access-token.ts'
import type { TokenService } from '../../tokens/token-service.ts'
import type { OwnEnv, OwnRoutes } from '../call.ts'
import { answerDeviceAuthorization } from './device-authorization.ts'
import { formEndpoint, offDocument } from './endpoint.ts'
import {
  authorizationServerMetadata,
  metadataPaths,
  protectedResourceMetadata,
  publicDocument,
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
  const document = (make: () => object) => (): Response =>
    signing === null ? offDocument() : publicDocument(make())
  const resourceDocument = (resource: string) => document(() => protectedResourceMetadata(url, resource))
  return new Hono<OwnEnv>()
    .get(
      metadataPaths.authorizationServer,
      document(() => authorizationServerMetadata(url)),
    )
    .get(metadataPaths.protectedResource, resourceDocument(url))
    .get(`${metadataPaths.protectedResource}/api`, resourceDocument(audienceOf(url, 'administration')))
    .get(
      metadataPaths.keys,
      document(() => publishedKeys(service)),
    )
    .all(
      '/oauth/token',
      formEndpoint({ config, log, answer: (parameters) => answerTokenRequest(parameters, service) }),
    )
    .all(
      '/oauth/device_authorization',
      formEndpoint({
        config,
        log,
        answer: (parameters, request) => answerDeviceAuthorization(parameters, request, service),
      }),
    )
    .all(
      '/oauth/revoke',
      formEndpoint({
        config,
        log,
        answer: (parameters, request) => answerRevocation(parameters, request, service),
      }),
    )
}
