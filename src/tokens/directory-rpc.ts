/**
 * What the rest of the Worker sees of `Directory`: plain data in and out, so that tests hand in another one.
 * Times are milliseconds since 1970, the caller's: one clock decides about a request from end to end.
 */
import type { AuditDraft, AuditEntry, AuditFilter } from './audit.ts'
import type { Page } from './page.ts'
import type {
  Creation,
  Deposit,
  Ended,
  EndedClaim,
  GrantRecord,
  ListedToken,
  Person,
  Presented,
  Redemption,
  SingleUse,
  Standing,
  StandingQuery,
  SubjectOfTeam,
  TokenFilter,
  TokenRecord,
} from './records.ts'

/** Name of the one instance. */
export const directoryName = 'directory'

/** A credential as it was presented: never its text, only its digest. */
export interface Presentation {
  readonly digest: string
  readonly now: number
}

export interface PageQuery {
  readonly now: number
  /** The position behind which the page begins; null: the first page. */
  readonly before: number | null
  readonly limit: number
}

export interface DirectoryRpc {
  /** Personal tokens. */
  createToken(record: TokenRecord, audit: AuditDraft): Promise<Creation>
  findToken(id: string): Promise<ListedToken | null>
  listTokens(filter: TokenFilter, page: PageQuery): Promise<Page<ListedToken>>
  presentToken(id: string, presentation: Presentation): Promise<Presented>
  /** Ends the token, what was made with it, and names the grants whose JWTs the accounts must refuse. */
  revokeToken(id: string, now: number, audit: AuditDraft): Promise<readonly Ended[]>
  /** The same for whoever holds the token itself; empty when the digest is not that token's. */
  revokeHeldToken(id: string, presentation: Presentation, from: string | null): Promise<readonly Ended[]>

  /** Ends everything that a subject owns (in one team, or at all), and its JWTs for administration. */
  endSubject(whom: SubjectOfTeam, now: number, audit: AuditDraft): Promise<readonly Ended[]>
  /** Ends JWTs for administration by one of their claims; calls are ended by the accounts. */
  endClaim(claim: EndedClaim): Promise<void>
  /** Whether a JWT for administration still stands, and with which role now. */
  standing(query: StandingQuery): Promise<Standing>

  /** People, grants and single-use things: for the flows of people. */
  rememberPerson(person: Person, now: number): Promise<void>
  findPerson(subject: string): Promise<Person | null>
  openGrant(grant: GrantRecord, now: number, audit: AuditDraft): Promise<void>
  endGrant(id: string, now: number, audit: AuditDraft): Promise<readonly Ended[]>
  deposit(thing: SingleUse, now: number): Promise<Deposit>
  redeem(kind: string, presentation: Presentation): Promise<Redemption>

  /** The audit log. */
  record(entry: AuditDraft, now: number): Promise<void>
  listAudit(filter: AuditFilter, page: PageQuery): Promise<Page<AuditEntry>>
}
