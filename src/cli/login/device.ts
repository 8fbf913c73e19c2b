/** Login with any other device (RFC 8628): a short code here, approved in a browser elsewhere. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Secret } from '../../core/redact.ts'
import { cliClientId } from '../../core/reserved.ts'
import { audienceUrl } from '../access.ts'
import { Failure } from '../failure.ts'
import { type Issued, type OAuthAnswer, oauthFailure, postForm, readIssued } from '../oauth.ts'
import type { Progress } from './progress.ts'

const intervalSecondsDefault = 5
/** Section 3.5: how much slower after `slow_down`. */
const slowDownSeconds = 5

export async function loginWithDevice(url: string, progress: Progress): Promise<Issued> {
  const answer = await postForm(url, '/oauth/device_authorization', { client_id: cliClientId })
  const grant = readGrant(answer)
  if (grant === null) throw oauthFailure(url, answer)
  progress.code(grant)
  let { intervalSeconds } = grant
  while (Date.now() < grant.expiresAt) {
    await sleep(intervalSeconds * 1000)
    const polled = await poll(url, grant.deviceCode)
    if (polled === 'slow_down') intervalSeconds += slowDownSeconds
    else if (polled !== 'pending') return polled
  }
  throw expired()
}

export interface DeviceGrant {
  readonly userCode: string
  readonly verificationUri: string
  /** With the code in it, for a QR code or a click. */
  readonly verificationUriComplete: string | null
  readonly expiresAt: number
}

interface PendingGrant extends DeviceGrant {
  readonly deviceCode: Secret
  readonly intervalSeconds: number
}

function readGrant({ status, fields }: OAuthAnswer): PendingGrant | null {
  const { device_code: deviceCode, user_code: userCode, verification_uri: uri, interval } = fields
  if (status !== 200 || typeof deviceCode !== 'string') return null
  if (typeof userCode !== 'string' || typeof uri !== 'string') return null
  const { verification_uri_complete: complete, expires_in: seconds } = fields
  return {
    deviceCode: new Secret(deviceCode),
    userCode,
    verificationUri: uri,
    verificationUriComplete: typeof complete === 'string' ? complete : null,
    expiresAt: Date.now() + (typeof seconds === 'number' ? seconds : 600) * 1000,
    intervalSeconds: typeof interval === 'number' && interval > 0 ? interval : intervalSecondsDefault,
  }
}

async function poll(url: string, deviceCode: Secret): Promise<Issued | 'pending' | 'slow_down'> {
  const sentAt = Date.now()
  let answer: OAuthAnswer
  try {
    answer = await postForm(url, '/oauth/token', {
      grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
      device_code: deviceCode.reveal(),
      client_id: cliClientId,
      resource: audienceUrl(url, 'administration'),
    })
  } catch (error) {
    // Section 3.5: a lost connection is a reason to slow down, not to give up on the person.
    if (error instanceof Failure && error.exit === 'tryAgain') return 'slow_down'
    throw error
  }
  const issued = readIssued(answer, sentAt)
  if (issued !== null) return issued
  switch (answer.fields['error']) {
    case 'authorization_pending':
      return 'pending'
    case 'slow_down':
      return 'slow_down'
    case 'access_denied':
      throw new Failure('refused', 'The login was not approved.', { code: 'access_denied' })
    case 'expired_token':
      throw expired()
  }
  if (answer.status >= 500 || answer.status === 429) return 'slow_down'
  throw oauthFailure(url, answer)
}

function expired(): Failure {
  return new Failure('tryAgain', 'The code was not approved in time.', {
    code: 'expired_token',
    hint: 'Try again.',
  })
}
