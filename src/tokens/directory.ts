/**
 * `Directory`: the one place where the token service keeps what must be exact. A single instance, named
 * `directory`, because the uniqueness that it gives (works once, revoked means revoked) is global; it serves
 * exchanges and administration, never a call to an upstream.
 *
 * Storage (SQLite), everything secret only as SHA-256:
 *
 * | table        | one row is                                   | pruned                                   |
 * |--------------|----------------------------------------------|------------------------------------------|
 * | tokens       | a personal token                             | 90 days after it expired or was revoked  |
 * | people       | role and team of a person at the last sign-in | when the subject is revoked             |
 * | single_uses  | a code that works once                       | when it expires                          |
 * | families     | a refresh family's latest token              | when it was idle for seven days          |
 * | grants       | a person's login: refresh family or session  | when it expires                          |
 * | devices      | a device login that waits for approval        | an hour after it expired                 |
 * | attempts     | a count of attempts of one kind, by one       | when its window ends                     |
 * | ended_claims | a `jti`, subject or team whose JWTs ended     | when those JWTs have expired             |
 * | audit        | a state change                               | after 400 days, beyond 200,000           |
 *
 * Nothing lives in memory alone, so eviction loses nothing. Each method reads, decides by the pure rules and
 * writes in one turn without awaiting, which makes it atomic; the output gate holds the answer until the write
 * is durable. When the object cannot be reached, an exchange fails: nothing is issued unchecked.
 */
import { DurableObject } from 'cloudflare:workers'
import { directoryPruneMillis } from '../core/limits.ts'
import type { AuditDraft, AuditEntry, AuditFilter } from './audit.ts'
import type { DevicePoll, DeviceRequest, ListedDevice } from './device.ts'
import { appendAudit, auditSchema, listAudit, pruneAudit } from './directory-audit.ts'
import * as devices from './directory-devices.ts'
import * as grants from './directory-grants.ts'
import type { DeviceDecision, DirectoryRpc, PageQuery, Presentation } from './directory-rpc.ts'
import * as tokens from './directory-tokens.ts'
import type { Page } from './page.ts'
import {
  type AttemptLimit,
  type Creation,
  claimOfTeam,
  type Deposit,
  type Ended,
  type EndedClaim,
  type Examined,
  type GrantRecord,
  type ListedToken,
  type Person,
  type Presented,
  type Redemption,
  type RefreshFamily,
  type SingleUse,
  type Standing,
  type StandingGrant,
  type StandingQuery,
  type SubjectOfTeam,
  type TokenFilter,
  type TokenRecord,
  tokenIdOfGrant,
} from './records.ts'

export class Directory extends DurableObject implements DirectoryRpc {
  readonly #sql: SqlStorage

  constructor(state: DurableObjectState, env: Cloudflare.Env) {
    super(state, env)
    this.#sql = state.storage.sql
    state.blockConcurrencyWhile(async () => {
      this.#sql.exec(tokens.tokensSchema)
      this.#sql.exec(grants.grantsSchema)
      this.#sql.exec(devices.devicesSchema)
      this.#sql.exec(auditSchema)
      if ((await state.storage.getAlarm()) === null)
        await state.storage.setAlarm(Date.now() + directoryPruneMillis)
    })
  }

  async createToken(record: TokenRecord, audit: AuditDraft): Promise<Creation> {
    const creation = tokens.insertToken(this.#sql, record)
    if (creation === 'created') appendAudit(this.#sql, audit, record.createdAt)
    return creation
  }

  async findToken(id: string): Promise<ListedToken | null> {
    return tokens.findToken(this.#sql, id)
  }

  async listTokens(filter: TokenFilter, page: PageQuery): Promise<Page<ListedToken>> {
    return tokens.listTokens(this.#sql, filter, page)
  }

  async presentToken(id: string, presentation: Presentation): Promise<Presented> {
    return tokens.presentToken(this.#sql, id, presentation)
  }

  async revokeToken(id: string, now: number, audit: AuditDraft): Promise<readonly Ended[]> {
    const before = tokens.findToken(this.#sql, id)
    if (before?.revokedAt === null) appendAudit(this.#sql, audit, now)
    return tokens.revokeToken(this.#sql, id, now)
  }

  async revokeHeldToken(
    id: string,
    { digest, now }: Presentation,
    from: string | null,
  ): Promise<readonly Ended[]> {
    const held = tokens.heldToken(this.#sql, id, digest)
    if (held === null) return []
    const { team } = held
    return this.revokeToken(id, now, {
      actor: 'holder',
      action: 'token.revoked',
      team,
      target: id,
      detail: {},
      from,
    })
  }

  async endSubject(whom: SubjectOfTeam, now: number, audit: AuditDraft): Promise<readonly Ended[]> {
    const { subject, team } = whom
    grants.endClaim(this.#sql, { kind: 'subject', value: claimOfTeam(subject, team), at: now })
    if (team === null) tokens.forgetPerson(this.#sql, subject)
    appendAudit(this.#sql, audit, now)
    return [...tokens.revokeTokensOf(this.#sql, whom, now), ...grants.endGrantsOf(this.#sql, whom, now)]
  }

  async endClaim(claim: EndedClaim, audit?: AuditDraft): Promise<void> {
    const first = grants.endClaim(this.#sql, claim)
    if (first && audit !== undefined) appendAudit(this.#sql, audit, claim.at)
  }

  async standing(query: StandingQuery): Promise<Standing> {
    if (grants.claimEnded(this.#sql, query)) return { good: false, reason: 'revoked' }
    const tokenId = tokenIdOfGrant(query.grantId)
    if (tokenId !== null) return tokens.tokenStanding(this.#sql, tokenId, query.now)
    // An exchanged JWT left nothing here; it is a member, and ends by its claims alone.
    if (query.grantId.startsWith('jwt:')) return { good: true, role: 'member' }
    if (grants.findGrant(this.#sql, query.grantId, query.now) === null)
      return { good: false, reason: 'grant ended' }
    const person = tokens.findPerson(this.#sql, query.subject)
    if (person === null) return { good: false, reason: 'person unknown' }
    // The role is one in the team of now: who leads the next team no longer administers the one before.
    if (person.team !== query.team) return { good: false, reason: 'person moved to another team' }
    return { good: true, role: person.role }
  }

  async rememberPerson(person: Person, now: number): Promise<void> {
    tokens.rememberPerson(this.#sql, person, now)
  }

  async openGrant(grant: GrantRecord, now: number, audit: AuditDraft): Promise<void> {
    grants.openGrant(this.#sql, grant)
    appendAudit(this.#sql, audit, now)
  }

  async endGrant(id: string, now: number, audit: AuditDraft): Promise<readonly Ended[]> {
    return grants.endGrant(this.#sql, id, now, audit)
  }

  async deposit(thing: SingleUse, now: number): Promise<Deposit> {
    return grants.deposit(this.#sql, thing, now)
  }

  async findGrant(id: string, now: number): Promise<StandingGrant | null> {
    const grant = grants.findGrant(this.#sql, id, now)
    return grant === null ? null : { ...grant, person: tokens.findPerson(this.#sql, grant.subject) }
  }

  async examine(kind: string, presentation: Presentation): Promise<Examined | null> {
    return grants.examine(this.#sql, kind, presentation)
  }

  async redeem(kind: string, presentation: Presentation, family?: RefreshFamily): Promise<Redemption> {
    const redemption = grants.redeem(this.#sql, kind, presentation)
    if (redemption === 'redeemed' && family !== undefined) grants.openFamily(this.#sql, family)
    return redemption
  }

  async examineFamily(familyDigest: string, presentation: Presentation): Promise<Examined | null> {
    return grants.examineFamily(this.#sql, familyDigest, presentation)
  }

  async rotateFamily(family: RefreshFamily, presented: string): Promise<boolean> {
    return grants.rotateFamily(this.#sql, family, presented)
  }

  async openDevice(device: DeviceRequest): Promise<Deposit> {
    return devices.openDevice(this.#sql, device)
  }

  async lookAtDevice(userCodeDigest: string, now: number): Promise<ListedDevice | null> {
    return devices.lookAtDevice(this.#sql, userCodeDigest, now)
  }

  async decideDevice(
    { userCodeDigest, approval }: DeviceDecision,
    now: number,
    audit: AuditDraft,
  ): Promise<boolean> {
    const state = approval === null ? 'denied' : 'approved'
    const decided = devices.decideDevice(this.#sql, userCodeDigest, { state, now })
    if (decided === null) return false
    appendAudit(this.#sql, audit, now)
    if (approval === null) return true
    const { grant, payload } = approval
    grants.openGrant(this.#sql, grant)
    // Polls that come at once are no theft: the second one gets nothing, and ends nothing.
    grants.deposit(this.#sql, { kind: 'device', grantId: null, payload, ...decided }, now)
    return true
  }

  async pollDevice(device: Pick<DeviceRequest, 'digest' | 'clientId'>, now: number): Promise<DevicePoll> {
    return devices.pollDevice(this.#sql, device, now)
  }

  async attempt(limit: AttemptLimit, now: number): Promise<boolean> {
    return devices.attempt(this.#sql, limit, now)
  }

  async record(entry: AuditDraft, now: number): Promise<void> {
    appendAudit(this.#sql, entry, now)
  }

  async listAudit(filter: AuditFilter, page: PageQuery): Promise<Page<AuditEntry>> {
    return listAudit(this.#sql, filter, page)
  }

  override async alarm(): Promise<void> {
    const now = Date.now()
    try {
      tokens.pruneTokens(this.#sql, now)
      grants.pruneGrants(this.#sql, now)
      devices.pruneDevices(this.#sql, now)
      pruneAudit(this.#sql, now)
    } finally {
      // A fault while pruning must not end pruning: the platform gives up after six attempts.
      await this.ctx.storage.setAlarm(now + directoryPruneMillis)
    }
  }
}
