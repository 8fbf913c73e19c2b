/** The administration that the token service has to do with: one guard in front of all of it. */
import type { Secret } from '../../core/redact.ts'
import type { TokenService } from '../../tokens/token-service.ts'
import type { OwnRoutes } from '../call.ts'
import { administratorVerifier } from './administrator.ts'
import { auditRoutes } from './audit.ts'
import { authorize, type Guard } from './authorize.ts'
import { openapiRoutes } from './openapi.ts'
import { tokenRoutes } from './tokens.ts'
import { whoamiRoutes } from './whoami.ts'

export function createGuard(service: TokenService, adminKey: Secret): Guard {
  const verifyAdministrator = service.signing === null ? null : administratorVerifier(service)
  return (request) => authorize(request, { adminKey, verifyAdministrator })
}

export function administrationRoutes(service: TokenService, adminKey: Secret): readonly OwnRoutes[] {
  const guard = createGuard(service, adminKey)
  return [openapiRoutes(), whoamiRoutes(guard), tokenRoutes(service, guard), auditRoutes(service, guard)]
}
