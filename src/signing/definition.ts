/**
 * What `sign` may hold in a configuration, for editors and for `tsc`. Each scheme writes its own part, beside
 * the parser that checks it at run time.
 */
import type { AwsSigv4Definition } from './aws-options.ts'
import type { BasicDefinition } from './basic.ts'
import type { BearerDefinition } from './bearer.ts'
import type { HeaderDefinition } from './header.ts'
import type { HmacDefinition } from './hmac/definition.ts'
import type { HttpSignaturesDefinition } from './http-signatures.ts'
import type { JwtDefinition } from './jwt.ts'
import type { OAuthClientCredentialsDefinition } from './oauth-client-credentials.ts'
import type { OAuthJwtBearerDefinition } from './oauth-jwt-bearer.ts'
import type { PlugipayDefinition } from './plugipay.ts'
import type { QueryDefinition } from './query.ts'
import type { StandardWebhooksDefinition } from './standard-webhooks.ts'

export type SignDefinition =
  | AwsSigv4Definition
  | BasicDefinition
  | BearerDefinition
  | HeaderDefinition
  | HmacDefinition
  | HttpSignaturesDefinition
  | JwtDefinition
  | OAuthClientCredentialsDefinition
  | OAuthJwtBearerDefinition
  | PlugipayDefinition
  | QueryDefinition
  | StandardWebhooksDefinition
