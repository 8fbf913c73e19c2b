/** `POST /oauth/device_authorization` (RFC 8628 section 3.1): a code to poll with, and one for a person to type. */
import { attemptMillis, deviceAttemptsMax, deviceIntervalSeconds, deviceSeconds } from '../../core/limits.ts'
import { Secret } from '../../core/redact.ts'
import { addressOf, networkOf } from '../../tokens/audit.ts'
import { assertAudience } from '../../tokens/authorization.ts'
import { readClientId } from '../../tokens/clients.ts'
import { makeUserCode } from '../../tokens/device.ts'
import { readAudience, readScopes } from '../../tokens/exchange.ts'
import { OAuthRefusal } from '../../tokens/oauth-error.ts'
import { digestOf, opaqueSecretBytes, opaqueText } from '../../tokens/opaque.ts'
import { required } from '../../tokens/parameters.ts'
import { answered, type TokenService } from '../../tokens/token-service.ts'
import { uncachedJson } from '../json.ts'
import type { OAuthCall } from './endpoint.ts'

export async function answerDeviceAuthorization(
  { parameters, request: { headers } }: OAuthCall,
  { config, directory, fingerprintKey, now, randomBytes }: TokenService,
): Promise<Response> {
  required(parameters, 'client_id')
  const clientId = readClientId(parameters, config.clients)
  const scopes = readScopes(parameters)
  const audience = readAudience(parameters, config.url)
  assertAudience(clientId, audience)
  const from = addressOf(headers)
  const limit = { what: `device ${networkOf(headers)}`, max: deviceAttemptsMax, windowMillis: attemptMillis }
  if (!(await answered(directory().attempt(limit, now())))) throw tooMany('device logins from one address')
  const deviceCode = opaqueText(randomBytes(opaqueSecretBytes))
  const userCode = makeUserCode(randomBytes)
  const opened = await answered(
    directory().openDevice({
      digest: await digestOf(new Secret(deviceCode)),
      userCodeDigest: await userCodeDigest(userCode, fingerprintKey),
      clientId,
      scopes,
      audience,
      from,
      createdAt: now(),
      expiresAt: now() + deviceSeconds * 1000,
    }),
  )
  if (opened !== 'stored') throw tooMany(`device logins: ${opened}`)
  return uncachedJson({
    device_code: deviceCode,
    user_code: userCode,
    verification_uri: `${config.url}/device`,
    verification_uri_complete: `${config.url}/device?user_code=${userCode}`,
    expires_in: deviceSeconds,
    interval: deviceIntervalSeconds,
  })
}

/** A user code is short: without the key, whoever saw the digest could try all codes. */
export function userCodeDigest(userCode: string, key: Secret): Promise<string> {
  return digestOf(new Secret(`user code\n${userCode}\n${key.reveal()}`))
}

function tooMany(reason: string): OAuthRefusal {
  return new OAuthRefusal(
    'temporarily_unavailable',
    'Too many logins wait for approval. Try again in a minute.',
    {
      status: 429,
      reason,
      headers: { 'retry-after': '60' },
    },
  )
}
