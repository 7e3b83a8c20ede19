import { setTimeout as sleep } from 'node:timers/promises'
import { reach } from '../../failpoints.ts'
import { holdPreimage } from '../../l402/hold-preimage.ts'
import type { GenuineToken } from '../../l402/token.ts'
import type { HoldState, HoldWallet } from '../../ports/hold-wallet.ts'
import type { HeldPayment, HoldLimits, HoldOffer, Holds } from '../../ports/holds.ts'
import type { Gateway } from '../gateway.ts'
import { openRequest, type StoredRequest } from '../redeem/stored-request.ts'
import { answeredOften, concludeHold, letGo, lookUp, untilDone } from './conclude.ts'
import { FailedHolds, type FailureLimits } from './failed-holds.ts'
import { OpenOffers } from './open-offers.ts'
import { watchOffer } from './watch-offer.ts'
import { decideLate, type HeldDecision, workHeld } from './work-held.ts'

export interface HoldDeskOptions {
  /** Today's. */
  readonly gateway: () => Gateway
  readonly holds: Holds
  readonly walletNamed: (name: string) => HoldWallet | undefined
  readonly limits: HoldLimits
  readonly failures: FailureLimits
}

/** How much longer than its patience a client may have waited while this process was away. */
const absenceMs = 30_000
/** At its end the process waits this long for decisions to reach the wallets; the next one repeats them. */
const closingMs = 3_000

/**
 * Sales whose payment is held until the work is done: follows every open offer, works for every payment that is locked
 * in, and carries out what was decided, across restarts.
 */
export class HoldDesk implements AsyncDisposable {
  readonly open: OpenOffers
  readonly failed: FailedHolds
  readonly #options: HoldDeskOptions
  /** Nothing new is begun or waited for. */
  readonly #ending = new AbortController()
  /** Not even what was decided is carried out. */
  readonly #closing = new AbortController()
  readonly #busy = new Set<Promise<void>>()

  constructor(options: HoldDeskOptions) {
    this.#options = options
    this.open = new OpenOffers(options.limits)
    this.failed = new FailedHolds(options.failures, options.gateway().clock)
  }

  /** Takes up what an earlier process left. @throws LedgerError */
  async start(): Promise<void> {
    const { holds } = this.#options
    for (const held of await holds.undecided()) this.#run(() => this.#resume(held))
    for (const offer of await holds.offers()) {
      this.open.add(offer)
      this.#run(() => this.#follow(offer, true))
    }
  }

  /** Writes an offer down, and follows it from then on. @returns false when there are too many. @throws LedgerError */
  async take(offer: HoldOffer): Promise<boolean> {
    const { holds, limits } = this.#options
    if ((await holds.offer(offer, limits)) !== 'offered') return false
    this.#run(() => this.#follow(offer, false))
    return true
  }

  /** Closes the invoice of an offer that came to nothing. Nobody has seen it. */
  abandon(walletName: string, paymentHash: string): void {
    const wallet = this.#wallet(walletName)
    if (wallet) this.#run(() => concludeUnwritten(wallet, paymentHash, this.#closing.signal))
  }

  /** Whether there is a wallet of this name, to say what became of a payment. */
  readonly has = (walletName: string): boolean => this.#options.walletNamed(walletName) !== undefined

  /** What a wallet says of a payment now; undefined of one that is not configured any more. @throws WalletError */
  async lookUp(walletName: string, paymentHash: string): Promise<HoldState | undefined> {
    const wallet = this.#options.walletNamed(walletName)
    return wallet && (await lookUp(wallet, paymentHash))
  }

  /** A wallet has taken a payment, whatever was decided of it. @throws LedgerError */
  async noteTaken(paymentHash: string): Promise<void> {
    const { holds, gateway } = this.#options
    await holds.noteTaken(paymentHash, gateway().clock.nowMs())
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort()
    await Promise.race([Promise.allSettled(this.#busy), sleep(closingMs, undefined, { ref: false })])
    this.#closing.abort()
    await Promise.allSettled(this.#busy)
  }

  #run(work: () => Promise<void>): void {
    const running = work()
      .catch((thrown: unknown) => this.#options.gateway().events.unexpected('a held payment', thrown))
      .finally(() => this.#busy.delete(running))
    this.#busy.add(running)
  }

  async #follow(offer: HoldOffer, fromBefore: boolean): Promise<void> {
    const { holds } = this.#options
    const { clock, events } = this.#options.gateway()
    const { paymentHash, service } = offer
    const { signal } = this.#ending
    const closing = this.#closing.signal
    const wallet = this.#wallet(offer.wallet)
    if (!wallet) return
    const paidBefore = fromBefore && (await untilDone(signal, () => lookUp(wallet, paymentHash))) === 'accepted'
    const watched = await watchOffer({ offer, wallet, clock, signal })
    if (watched === undefined) return
    // Whoever paid while nobody was here has stopped waiting: the money goes back.
    const tooLate = paidBefore && clock.nowMs() > offer.createdAtMs + this.#holdMs(offer.service) + absenceMs
    if (watched === 'gone' || tooLate) return await this.#drop(offer, watched === 'accepted' ? wallet : undefined)
    reach('hold_locked')
    const gateway = this.#options.gateway()
    const acceptedAtMs = clock.nowMs()
    const jobId = gateway.random(16).toString('hex')
    const ttlMs = gateway.catalog().byName(service)?.config.result.ttlMs ?? 24 * 3_600_000
    const accepted = await untilDone(closing, () => holds.accept(paymentHash, jobId, ttlMs, acceptedAtMs))
    if (accepted === undefined) return
    // It may have been accepted by a call whose answer was lost.
    const held: HeldPayment | undefined = accepted
      ? { ...offer, state: 'held', acceptedAtMs, jobState: 'retryable' }
      : await this.#undecided(paymentHash)
    if (!held) return closing.aborted ? undefined : await this.#drop(offer, wallet)
    this.open.remove(paymentHash)
    reach('hold_accepted')
    events.heldAccepted(service)
    await this.#work(held, offer.client)
  }

  /**
   * Ends an offer that nothing will be done for.
   * @param holder the wallet in which its payment is locked in; the offer goes after the payment, so that a crash
   *   between the two leaves no payment that nobody knows of
   */
  async #drop({ paymentHash, service }: HoldOffer, holder: HoldWallet | undefined): Promise<void> {
    const { holds, gateway } = this.#options
    const closing = this.#closing.signal
    if (holder) await concludeUnwritten(holder, paymentHash, closing)
    if (holder && closing.aborted) return
    await untilDone(closing, async () => {
      await holds.withdraw(paymentHash)
      return true
    })
    this.open.remove(paymentHash)
    if (holder) gateway().events.heldEnded(service, { kind: 'cancelled', reason: 'not_begun' }, 0)
  }

  async #undecided(paymentHash: string): Promise<HeldPayment | undefined> {
    const undecided = await untilDone(this.#closing.signal, () => this.#options.holds.undecided())
    return undecided?.find((held) => held.paymentHash === paymentHash)
  }

  /** Goes on with a payment that was locked in before this process began. */
  async #resume(held: HeldPayment): Promise<void> {
    const wallet = this.#wallet(held.wallet)
    if (!wallet) return
    if (held.state === 'held') return await this.#work(held, undefined)
    const decision = held.state === 'settling' ? 'settle' : 'cancel'
    await this.#conclude(held, wallet, decision === 'settle' ? { kind: 'settle', by: 'result' } : cancelledBefore)
  }

  async #work(held: HeldPayment, client: string | undefined): Promise<void> {
    const { holds } = this.#options
    const gateway = this.#options.gateway()
    const { signal } = this.#ending
    const wallet = this.#wallet(held.wallet)
    const credential = this.#credential(held)
    if (!wallet || !credential) return
    const { paymentHash, acceptedAtMs } = held
    const state = await untilDone(signal, () => lookUp(wallet, paymentHash))
    if (state === undefined) return
    if (state === 'cancelled' || state === 'unknown') return await this.#endLost(held, wallet)
    const sealed = await untilDone(signal, async () => (await gateway.ledger.sealedRequest(paymentHash)) ?? 'none')
    if (sealed === undefined) return
    // Nobody waits longer because the clock was set back.
    const patientUntilMs = Math.min(acceptedAtMs, gateway.clock.nowMs()) + this.#holdMs(held.service)
    const decision =
      sealed === 'none'
        ? await decideLate(gateway, holds, paymentHash, this.#closing.signal)
        : await this.#decideByWork(held, credential, sealed, patientUntilMs).catch((thrown: unknown) => {
            gateway.events.unexpected('the work for a held payment', thrown)
            return decideLate(gateway, holds, paymentHash, this.#closing.signal)
          })
    if (decision.kind === 'cancel' && client !== undefined && workWasDone.has(decision.reason)) {
      this.failed.note(client, held.service)
    }
    if (decision.kind !== 'none') await this.#conclude(held, wallet, decision)
  }

  /**
   * The wallet does not have the payment any more, or says so. Decided and told all the same: a wallet that does not
   * find a payment may hold it, and what is stored already is to be paid for.
   */
  async #endLost(held: HeldPayment, wallet: HoldWallet): Promise<void> {
    const { gateway, holds } = this.#options
    const decision = await decideLate(gateway(), holds, held.paymentHash, this.#closing.signal)
    if (decision.kind === 'none') return
    await this.#conclude(held, wallet, decision.kind === 'cancel' ? { ...decision, reason: 'lost' } : decision)
  }

  async #decideByWork(
    held: HeldPayment,
    credential: { readonly preimage: string; readonly mintedAt: number },
    sealed: Uint8Array,
    patientUntilMs: number,
  ): Promise<HeldDecision> {
    const { holds } = this.#options
    const { paymentHash, tokenId } = held
    const request: StoredRequest = openRequest({ paymentHash, preimage: credential.preimage }, sealed)
    const terms = {
      service: held.service,
      validUntil: held.mintedExpiry,
      rev: held.rev,
      priceMsat: held.priceMsat,
      ...request.binding,
    }
    const token: GenuineToken = { paymentHash, tokenId, terms, appended: [], ...credential }
    return await workHeld(
      { gateway: this.#options.gateway, holds },
      {
        token,
        request,
        patientUntilMs,
        ending: this.#ending.signal,
        closing: this.#closing.signal,
      },
    )
  }

  async #conclude(
    held: HeldPayment,
    wallet: HoldWallet,
    decision: Exclude<HeldDecision, { kind: 'none' }>,
  ): Promise<void> {
    const { holds } = this.#options
    const gateway = this.#options.gateway()
    const { paymentHash } = held
    const credential = this.#credential(held)
    if (!credential) return
    const { preimage } = credential
    const { clock } = gateway
    const { signal } = this.#closing
    const end = await concludeHold(decision.kind, { holds, wallet, paymentHash, preimage, clock, signal })
    if (end === undefined) return
    const by = decision.kind === 'settle' ? decision.by : 'patience'
    const reason = decision.kind === 'cancel' ? decision.reason : 'lost'
    if (end === 'settled' && decision.kind === 'cancel')
      gateway.events.unexpected('a held payment', new Error('the wallet took what was to be let go; its token is good'))
    gateway.events.heldEnded(
      held.service,
      end === 'settled' ? { kind: 'settled', by } : { kind: 'cancelled', reason },
      this.#sinceMs(held),
    )
  }

  #wallet(name: string): HoldWallet | undefined {
    const wallet = this.#options.walletNamed(name)
    if (!wallet) {
      const cause = new Error(
        `payments are held by the wallet ${name}, which is not configured or cannot hold any more`,
      )
      this.#options.gateway().events.unexpected('a held payment waits', cause)
    }
    return wallet
  }

  /** The token id says which key it was made with, and when. */
  #credential({ tokenId }: HeldPayment): { readonly preimage: string; readonly mintedAt: number } | undefined {
    const { keys, events } = this.#options.gateway()
    const key = keys.find(Number.parseInt(tokenId.slice(0, 2), 16))
    if (!key) {
      events.unexpected('a held payment waits', new Error('the key of its token is gone'))
      return undefined
    }
    return { preimage: holdPreimage(key.secret, tokenId).preimage, mintedAt: Number.parseInt(tokenId.slice(2, 14), 16) }
  }

  #holdMs(service: string): number {
    const gateway = this.#options.gateway()
    const config = (gateway.catalog().byName(service) ?? gateway.revisions.named(service).take(1).toArray()[0])?.config
    return config?.charge.when === 'on_delivery' ? config.charge.holdMs : 0
  }

  #sinceMs = ({ acceptedAtMs }: HeldPayment): number =>
    Math.max(0, this.#options.gateway().clock.nowMs() - acceptedAtMs)
}

const cancelledBefore: HeldDecision & { kind: 'cancel' } = { kind: 'cancel', reason: 'failed' }

/** The upstream was called for these, and nobody paid. */
const workWasDone: ReadonlySet<string> = new Set(['refused', 'failed'])

async function concludeUnwritten(wallet: HoldWallet, paymentHash: string, signal: AbortSignal): Promise<void> {
  const isUnknown = answeredOften()
  await untilDone(signal, () => letGo(wallet, paymentHash, isUnknown))
}
