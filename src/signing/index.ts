/** The table of schemes. Adding one: its file, its line here, its folder of vectors. */
import { own, table } from '../core/table.ts'
import { awsSigv4 } from './aws-sigv4.ts'
import { basic } from './basic.ts'
import { bearer } from './bearer.ts'
import { header } from './header.ts'
import { hmac } from './hmac/hmac.ts'
import { httpSignatures } from './http-signatures.ts'
import { jwt } from './jwt.ts'
import { oauthClientCredentials } from './oauth-client-credentials.ts'
import { oauthJwtBearer } from './oauth-jwt-bearer.ts'
import { plugipay } from './plugipay.ts'
import { query } from './query.ts'
import { type BoundScheme, bindScheme, type MintScheme, type ReportFault, type SignScheme } from './scheme.ts'
import { standardWebhooks } from './standard-webhooks.ts'

export const schemes = table({
  'aws-sigv4': bindable(awsSigv4),
  basic: bindable(basic),
  bearer: bindable(bearer),
  header: bindable(header),
  hmac: bindable(hmac),
  'http-signatures': bindable(httpSignatures),
  jwt: bindable(jwt),
  'oauth-client-credentials': bindable(oauthClientCredentials),
  'oauth-jwt-bearer': bindable(oauthJwtBearer),
  plugipay: bindable(plugipay),
  query: bindable(query),
  'standard-webhooks': bindable(standardWebhooks),
})

export type SchemeName = keyof typeof schemes

/** The scheme that `sign` names, bound to its options; null when anything is wrong, all of which is reported. */
export function parseSign(sign: Readonly<Record<string, unknown>>, fault: ReportFault): BoundScheme | null {
  const name = sign['scheme']
  const bind = typeof name === 'string' ? own(schemes, name) : undefined
  if (typeof name !== 'string' || bind === undefined) {
    fault('scheme', `must be one of ${Object.keys(schemes).join(', ')}`)
    return null
  }
  return bind(name, sign, fault)
}

type Bind = (name: string, sign: Readonly<Record<string, unknown>>, fault: ReportFault) => BoundScheme | null

function bindable<Options, Parsed, Prepared>(
  scheme: SignScheme<Options, Parsed, Prepared> | MintScheme<Options, Parsed>,
): Bind {
  return (name, sign, fault) => {
    let faults = 0
    const options = scheme.parseOptions(sign, (path, message) => {
      faults += 1
      fault(path, message)
    })
    return faults === 0 ? bindScheme(name, scheme, options) : null
  }
}
