import { writeInstantOrNull } from '../../tokens/instant.ts'
import { privateJson } from '../json.ts'
import type { AdminCall } from './request.ts'

/** `GET /api/whoami`: whom the credential stands for, and until when. */
export async function whoami({ administrator }: AdminCall): Promise<Response> {
  const { grantId: _descent, expiresAt, ...who } = administrator
  return privateJson({
    ...who,
    expiresAt: writeInstantOrNull(expiresAt === null ? null : expiresAt * 1000),
  })
}
