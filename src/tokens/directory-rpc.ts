/**
 * What the rest of the Worker sees of `Directory`: plain data in and out, so that tests hand in another one.
 * Times are milliseconds since 1970, the caller's: one clock decides about a request from end to end.
 */
import type { AuditDraft, AuditEntry, AuditFilter } from './audit.ts'
import type { DevicePoll, DeviceRequest, ListedDevice } from './device.ts'
import type { Page } from './page.ts'
import type {
  Approval,
  AttemptLimit,
  Creation,
  Deposit,
  Ended,
  EndedClaim,
  Examined,
  GrantRecord,
  ListedToken,
  Person,
  Presented,
  Redemption,
  RefreshFamily,
  SingleUse,
  Standing,
  StandingGrant,
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

export interface DeviceDecision {
  readonly userCodeDigest: string
  /** null: denied. */
  readonly approval: Approval | null
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
  /**
   * Ends JWTs for administration by one of their claims; calls are ended by the accounts. `audit` is written when the
   * claim had no end before.
   */
  endClaim(claim: EndedClaim, audit?: AuditDraft): Promise<void>
  /** Whether a JWT for administration still stands, and with which role now. */
  standing(query: StandingQuery): Promise<Standing>

  /** People, grants and single-use things: for the flows of people. */
  rememberPerson(person: Person, now: number): Promise<void>
  openGrant(grant: GrantRecord, now: number, audit: AuditDraft): Promise<void>
  /** The entry gets the team that the grant is of. */
  endGrant(id: string, now: number, audit: AuditDraft): Promise<readonly Ended[]>
  findGrant(id: string, now: number): Promise<StandingGrant | null>
  deposit(thing: SingleUse, now: number): Promise<Deposit>
  examine(kind: string, presentation: Presentation): Promise<Examined | null>
  /** `family`: the refresh family that it opens, in the same turn; kept only when this was the redemption. */
  redeem(kind: string, presentation: Presentation, family?: RefreshFamily): Promise<Redemption>
  examineFamily(familyDigest: string, presentation: Presentation): Promise<Examined | null>
  /** False when the presented refresh token is not the latest any more. */
  rotateFamily(family: RefreshFamily, presented: string): Promise<boolean>

  /** Device logins (RFC 8628). */
  openDevice(device: DeviceRequest): Promise<Deposit>
  lookAtDevice(userCodeDigest: string, now: number): Promise<ListedDevice | null>
  /** Approves, or denies with null; false when it was decided before, or is over. */
  decideDevice(decision: DeviceDecision, now: number, audit: AuditDraft): Promise<boolean>
  pollDevice(device: Pick<DeviceRequest, 'digest' | 'clientId'>, now: number): Promise<DevicePoll>
  /** Counts an attempt; false beyond the limit. */
  attempt(limit: AttemptLimit, now: number): Promise<boolean>

  /** The audit log. */
  record(entry: AuditDraft, now: number): Promise<void>
  listAudit(filter: AuditFilter, page: PageQuery): Promise<Page<AuditEntry>>
}
