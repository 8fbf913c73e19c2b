/**
 * The bounds of Countersign, by name, with their units. What design and configuration may change stands as a
 * default with its ceiling; all others are fixed. A bound on what is taken is tested just under and just over.
 *
 * Elsewhere stand those of the CLI (cli/limits.ts) and, beside its algorithm, what only shapes how that works: how a
 * pace is measured, how unevenly clocks may tick, how long a text is that we make.
 */

// Tokens (RFC 8725: refuse before parsing what no honest issuer sends).
export const tokenBytesMax = 8_192
export const clockToleranceSecondsDefault = 5
export const clockToleranceSecondsMax = 60
export const tokenLifetimeSecondsDefault = 900
export const tokenLifetimeSecondsMax = 86_400
export const verifiedTokensMax = 10_000
export const verifiedTokenBytesMax = 8 * 1_048_576
/** 2000-01-01 to 2100-01-01: a claim outside of it is milliseconds, a float overflow, or a mistake. */
export const claimSecondsMin = 946_684_800
export const claimSecondsMax = 4_102_444_800
export const claimCharsMax = 512
export const kidCharsMax = 256

// JWKS.
export const jwksCooldownMillis = 30_000
export const jwksFreshMillis = 600_000
export const jwksFetchMillis = 5_000
export const jwksBytesMax = 262_144
export const jwksKeysMax = 100
/** RFC 7518 section 3.3 wants 2,048; the ceiling keeps one verification cheap. */
export const rsaBitsMin = 2_048
export const rsaBitsMax = 8_192

// Requests.
export const urlBytesMax = 16_384

// Bodies.
export const bodyBytesDefault = 104_857_600
export const bodyBytesMax = 5 * 1_073_741_824
export const bufferedBytesDefault = 1_048_576
export const bufferedBytesMax = 16 * 1_048_576
export const bufferReadMillis = 30_000
export const isolateBufferBytesMax = 32 * 1_048_576
export const teamBufferBytesMax = isolateBufferBytesMax / 2

// Time to the first byte of the answer.
export const timeoutMillisDefault = 30_000
export const uploadTimeoutMillisDefault = 300_000
export const timeoutMillisMax = 600_000

// Logs.
export const logFieldCharsMax = 256

// Administration and the token service.
export const adminKeyCharsMin = 32
export const adminBodyBytesMax = 16_384
export const accessTokenSeconds = 600
export const oauthBodyBytesMax = 16_384
export const oauthParametersMax = 32
export const tokenScopesMax = 64
export const tokenScopeCharsMax = 128
export const tokenNameCharsMax = 64
/** A person's token ends within a year; only a service's may never expire. */
export const personalTokenDaysMax = 366
export const personalTokensPerTeamMax = 1_000
export const personalTokensMax = 50_000
/** `lastUsedAt` is written at most this often per token. */
export const lastUsedGranularityMillis = 3_600_000
/** What is over (revoked, expired) stays in lists for a while, so that people find out what happened. */
export const endedTokenDays = 90
export const singleUsesMax = 20_000
/** Ends of one team that its account is told one by one. */
export const endedGrantsMax = 32
export const auditDays = 400
export const auditEntriesMax = 200_000
export const directoryPruneMillis = 3_600_000
export const pageItemsDefault = 50
export const pageItemsMax = 200

// People: sign-in, sessions, and what descends from them.
export const sessionSeconds = 8 * 3_600
/** Signed in with the admin key: for as long as it takes to mend something. */
export const adminSessionSeconds = 3_600
/** From the sign-in page to the provider and back. */
export const signInSeconds = 600
/** Of the path and query that a person goes on to; in base64, it fits into a cookie. */
export const signInNextCharsMax = 2_800
export const authorizationCodeSeconds = 60
export const refreshIdleSeconds = 7 * 86_400
export const refreshSeconds = 30 * 86_400
export const deviceSeconds = 600
/** Between two polls, and how much longer after each `slow_down` (RFC 8628 section 3.5). */
export const deviceIntervalSeconds = 5
/** Device logins that wait at once; each is one row until it is over. */
export const devicesMax = 2_000
/** One that is over is kept so long, so that a late poll hears that it expired. */
export const endedDeviceMillis = 3_600_000
/** A user code that was looked at more often is over. */
export const deviceLooksMax = 20
/** Attempts are counted for so long. */
export const attemptMillis = 600_000
/** By one person: user codes that were typed, right or wrong. Of 34 bits, that finds none. */
export const userCodeAttemptsMax = 30
export const consentAttemptsMax = 100
/** From one address. */
export const deviceAttemptsMax = 120
export const adminKeyAttemptsMax = 20
export const providerAnswerBytesMax = 65_536
export const providerFetchMillis = 10_000
export const providerFreshMillis = 600_000
export const redirectUriCharsMax = 2_048
export const stateCharsMax = 2_048

// Credentials.
/** How long a Secrets Store value is used before it is read again. */
export const secretStoreMillis = 60_000
/** How long a call waits for it. */
export const secretStoreReadMillis = 5_000
/** How soon it is read again when that failed. */
export const secretStoreRetryMillis = 2_000
/** A minted token is renewed when it has less than this left. */
export const mintedTokenMarginMillis = 60_000
export const mintFetchMillis = 10_000
/** When a renewal ahead of time has failed, the next one begins so long after it began. */
export const mintRetryMillis = 1_000
/** A minted token that the upstream refuses is fetched anew when it is older than this. */
export const mintedRefusedMillis = 60_000
export const mintAnswerBytesMax = 65_536

// Headers.
/** Lists of field names that are remembered; a client with ever new ones makes all be forgotten. */
export const nameListsMax = 256
/** Of a list's text; a longer one is looked at anew. */
export const nameListCharsMax = 1_024

// Answers.
/** How often encoded a credential is still found in a field: a URL within a URL within a URL, as logins send. */
export const encodedTimesMax = 3
/** How much of a refusal is read to tell a refused key from a refused request. */
export const refusalBytesMax = 65_536
/** How long its body is waited for. */
export const refusalReadMillis = 2_000

// Configuration.
/** How soon an isolate whose configuration was faulty looks again: a secret that could not be read may be there now. */
export const faultyAssemblyMillis = 5_000
export const rollupMinutesDefault = 15
export const rollupMinutesMax = 1_440
export const limitRequestsMax = 1_000_000_000
/** A limit's `per`: a bucket that refills over more than a month is a budget, not a rate. */
export const limitPerMillisMax = 31 * 86_400_000

// Accounts (docs/leases.md).
/** A lease ends this long after the isolate sent the sync that brought it. */
export const leaseMillis = 1_000
/** After this much of a lease, the next admission fetches the following one in the background. */
export const leaseRenewMillis = 700
/** How long a grant stays in a meter's replay, so that units given back can be credited. */
export const creditMillis = 2_000
/** Units of which nothing was heard for so long show as unsettled. */
export const unsettledMillis = 60_000
/** How long an isolate refuses from memory without asking again. */
export const refusalHoldMillis = 250
/** Beyond so many isolates they refuse longer, in proportion, so that refusals alone ask at most 600 times a second. */
export const refusalHoldIsolates = 150
/** How long an isolate refuses from memory after the account said that it serves no more of them. */
export const overloadedHoldMillis = 1_000
/** And after the account could not be asked, or its answer was of no use. */
export const unavailableHoldMillis = 250
/** An isolate that counts as active was heard within this time. */
export const isolateActiveMillis = 2_000
/** Active isolates that one account serves; more are refused as `overloaded`. docs/leases.md says how it was measured. */
export const accountIsolatesMax = 600
export const leaseUnitsMax = 100_000
/** Use is flushed this long after the first call that was not reported: under the second that is promised. */
export const flushMillis = 900
/** A sync that did not answer in this time is sent again by whoever waits for it. */
export const syncPatienceMillis = 2_000
export const syncAttemptsMax = 3
/** A lease that one call finds stale again and again means that the account answers too slowly to be of use. */
export const leaseRenewalsMax = 3
/** An admission that waits so long, or for so many syncs, finds the account out of reach. */
export const admissionMillisMax = 5_000
export const admissionWaitsMax = 30
/** Rounds of `flushMillis` in which one flush looks after what could not be reported yet: within waitUntil's 30 s. */
export const flushRoundsMax = 25
/** Reports are kept and retried so long; the account remembers an isolate's sequence for longer. */
export const reportRetryMillis = 24 * 3_600_000
export const isolateMemoryMillis = 36 * 3_600_000
export const walletAccountsMax = 1_000
export const walletRowsMax = 2_000
export const subjectsPerHourMax = 1_000
export const revocationsPerTeamMax = 1_000
export const hourlyRowsMillis = 35 * 86_400_000
export const dailyRowsMillis = 400 * 86_400_000
/** A day's first roll-up follows its first use closely, so that a new team is seen. */
export const rollupFirstMillis = 1_000
/** Its last one follows its end so late: room for what isolates flush just after midnight. */
export const rollupClosingMillis = 5_000
/** How long after an alarm of an account that failed (a put to KV, most likely) it is tried again. */
export const alarmRetryMillis = 60_000
/** Of one answer about usage: an account has the memory of one isolate, and calls wait for it. */
export const usageRowsMax = 50_000

// Signing.
/** Derived SigV4 keys that one version of a key keeps: today's, and yesterday's around midnight. */
export const signingDayKeysMax = 2
