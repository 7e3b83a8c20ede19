import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import { type DecodedInvoice, decodeInvoice } from '../../bolt11/decode.ts'
import type { Clock } from '../../ports/clock.ts'
import {
  type InvoiceRequest,
  type InvoiceState,
  type IssuedInvoice,
  type Network,
  type Wallet,
  type WalletCapabilities,
  WalletError,
  type WalletHealth,
} from '../../ports/wallet.ts'
import { expectNetwork } from '../http/expected-network.ts'
import { toIssued, tryDecode } from '../http/issued-invoice.ts'
import { measureHealth } from '../http/measure-health.ts'
import { checkUrl, type GuardedGetOptions, type Resolve } from './guarded-get.ts'
import { PayService } from './pay-service.ts'
import { isSameSite } from './same-site.ts'

export interface LightningAddressWalletOptions {
  readonly name: string
  /** `name@domain` */
  readonly address: string
  /** Start only where the provider tells whether an invoice is paid (LUD-21). */
  readonly requireVerify?: boolean | undefined
  /** Undefined: that of the provider's invoices. */
  readonly network?: Network | undefined
  /** Takes invoices with a plain description, where LUD-06 wants the hash of the metadata. */
  readonly acceptPlainDescription?: boolean
  readonly clock: Clock
  /** For tests and development only: addresses of this machine too, over plain http. */
  readonly allowLoopback?: boolean
  /** How host names are resolved; undefined: as the machine does. */
  readonly resolve?: Resolve
}

interface FetchedInvoice {
  readonly issued: IssuedInvoice
  readonly invoice: DecodedInvoice
  readonly verifyUrl: URL | undefined
}

const satMsat = 1000n
const maxRemembered = 10_000

/**
 * A lightning address (LUD-16): nothing runs here, and no credential is needed. Every answer of the provider is checked,
 * and no URL of its choice is called that is not on the public internet.
 *
 * The protocol has no expiry to ask for and no key for repeated requests: after a lost answer the next call makes another
 * invoice. Where the provider tells by payment hash whether an invoice is paid (LUD-21), a token counts only once it said
 * so: what software the provider runs is not known, and there is some that shows the preimage of unpaid invoices to anybody.
 */
export function openLightningAddressWallet(options: LightningAddressWalletOptions): Wallet {
  return new LightningAddressWallet(options)
}

class LightningAddressWallet implements Wallet {
  readonly name: string
  readonly kind = 'lightning_address'
  readonly #options: LightningAddressWalletOptions
  readonly #service: string
  readonly #guard: GuardedGetOptions
  readonly #payService: PayService
  readonly #closing = new AbortController()
  /** Verify URLs by payment hash, of the newest invoices: a provider must not give one out twice. */
  readonly #made = new Map<string, URL | undefined>()
  #unitMsat = satMsat
  #maxMsat: bigint | undefined
  #network: Network | undefined
  #hasVerify = false
  /** A verify URL and the payment hash in it: most providers have it there, so that others can be asked about too. */
  #pattern: { readonly url: string; readonly paymentHash: string } | undefined
  #showsPreimages = false

  constructor(options: LightningAddressWalletOptions) {
    this.name = options.name
    this.#options = options
    this.#network = options.network
    this.#service = `The provider of ${options.address}`
    this.#guard = {
      service: this.#service,
      allowLoopback: options.allowLoopback ?? false,
      resolve: options.resolve,
    }
    this.#payService = new PayService({ ...this.#guard, address: options.address, clock: options.clock })
  }

  get capabilities(): WalletCapabilities {
    return {
      unitMsat: this.#unitMsat,
      ...(this.#maxMsat !== undefined && { maxMsat: this.#maxMsat - (this.#maxMsat % this.#unitMsat) }),
      network: this.#network,
      lookup: this.#hasVerify,
      push: 'none',
      // Whoever asks for the provider's word must be able to get it, also of invoices from before a restart.
      preimagePrivate: this.#pattern === undefined,
    }
  }

  async start(signal: AbortSignal): Promise<void> {
    const deadline = this.#until(signal)
    await this.#payService.readPayRequest(deadline)
    const { invoice, verifyUrl, unitMsat } = await this.#probe(deadline)
    if (this.#options.requireVerify && !verifyUrl) {
      throw new WalletError(
        'rejected',
        `${this.#service} does not tell whether an invoice is paid (LUD-21); use an address whose provider does, or leave require_verify out.`,
      )
    }
    this.#network = expectNetwork(this.#service, invoice.network, this.#options.network)
    this.#unitMsat = unitMsat
    this.#hasVerify = verifyUrl !== undefined
    const { paymentHash } = invoice
    this.#pattern = verifyUrl?.href.includes(paymentHash) ? { url: verifyUrl.href, paymentHash } : undefined
    if (verifyUrl) await this.#askProvider(verifyUrl, invoice.paymentHash, deadline)
  }

  async createInvoice(request: InvoiceRequest, signal: AbortSignal): Promise<IssuedInvoice> {
    const { amountMsat } = request
    if (amountMsat <= 0n || amountMsat % this.#unitMsat !== 0n) {
      throw new WalletError(
        'bad_amount',
        `${this.#service} asks for whole satoshi only, and not for ${amountMsat} msat.`,
      )
    }
    const { issued, invoice, verifyUrl } = await this.#fetch(amountMsat, this.#until(signal))
    if (this.#hasVerify && !verifyUrl) throw this.#unusable('nobody could find out whether it is paid')
    if (this.#network !== undefined && invoice.network !== this.#network) {
      throw this.#unusable(`it is for the network ln${invoice.network} instead of ln${this.#network}`)
    }
    return issued
  }

  /** `unknown` without a verify URL: neither the `ref` nor the memory of this process has one, and none can be made. */
  async lookup(
    { paymentHash, ref }: Pick<IssuedInvoice, 'paymentHash' | 'ref'>,
    signal: AbortSignal,
  ): Promise<InvoiceState> {
    const { url: pattern, paymentHash: example = '' } = this.#pattern ?? {}
    const url =
      this.#made.get(paymentHash) ?? URL.parse(ref) ?? URL.parse(pattern?.replaceAll(example, paymentHash) ?? '')
    if (!url) return { state: 'unknown' }
    return await this.#askProvider(url, paymentHash, this.#until(signal))
  }

  async health(signal: AbortSignal): Promise<WalletHealth> {
    return await measureHealth(this.#options.clock, async () => {
      const { minSendable, maxSendable } = await this.#payService.readPayRequest(this.#until(signal))
      const warnings: string[] = []
      if (!this.#hasVerify) {
        warnings.push(
          `${this.#service} does not tell whether an invoice is paid (LUD-21), so the books show tokens presented and not payments.`,
        )
      }
      if (!this.#pattern) {
        warnings.push(
          `${this.#service} is trusted to keep the preimages of unpaid invoices to itself, which cannot be checked.`,
        )
      }
      if (this.#showsPreimages) {
        warnings.push(
          `${this.#service} shows the preimage of unpaid invoices to anybody; tokens count only once it says that they are paid. Tell it.`,
        )
      }
      const detail = `${this.#service} takes ${minSendable} to ${maxSendable} msat${this.#unitMsat === 1n ? '' : ', whole satoshi only'}.`
      return { detail, warnings }
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new WalletError('unavailable', `The connection to the provider is closed.`))
  }

  #until(signal: AbortSignal): AbortSignal {
    return AbortSignal.any([signal, this.#closing.signal])
  }

  /** Asks for the smallest invoice with a fraction of a satoshi, and where that is refused or wrong, for a whole one. */
  async #probe(signal: AbortSignal): Promise<FetchedInvoice & { readonly unitMsat: bigint }> {
    const { minSendable, maxSendable } = await this.#payService.payRequest(signal)
    const smallest = minSendable > satMsat ? minSendable : satMsat
    const fraction = smallest % satMsat === 0n ? smallest + 1n : smallest
    if (fraction <= maxSendable) {
      try {
        return { ...(await this.#fetch(fraction, signal)), unitMsat: 1n }
      } catch (thrown) {
        if (!(thrown instanceof WalletError) || (thrown.code !== 'rejected' && thrown.code !== 'protocol')) throw thrown
      }
    }
    const whole = ((smallest + satMsat - 1n) / satMsat) * satMsat
    return { ...(await this.#fetch(whole, signal)), unitMsat: satMsat }
  }

  async #fetch(amountMsat: bigint, signal: AbortSignal): Promise<FetchedInvoice> {
    const { callback, metadata, minSendable, maxSendable } = await this.#payService.payRequest(signal)
    this.#maxMsat = maxSendable
    if (amountMsat < minSendable || amountMsat > maxSendable) {
      throw new WalletError(
        'bad_amount',
        `${this.#service} takes ${minSendable} to ${maxSendable} msat, and not ${amountMsat}; change the price or the wallet.`,
      )
    }
    const { pr, verify } = await this.#payService.fetchInvoice(callback, amountMsat, signal)
    const verifyUrl = this.#readVerify(verify, callback)
    const issued = toIssued(this.#service, { bolt11: pr, amountMsat }, verifyUrl?.href)
    const invoice = decodeInvoice(pr, { signature: 'skip' })
    this.#check(invoice, amountMsat, metadata)
    this.#remember(invoice.paymentHash, verifyUrl)
    return { issued, invoice, verifyUrl }
  }

  #check(invoice: DecodedInvoice, amountMsat: bigint, metadata: string): void {
    if (invoice.amountMsat !== amountMsat) throw this.#unusable('it is for another amount than was asked for')
    if (invoice.expiresAt * 1000 <= this.#options.clock.nowMs()) throw this.#unusable('it has expired already')
    const isPlain = invoice.descriptionHash === undefined && this.#options.acceptPlainDescription === true
    if (!isPlain && invoice.descriptionHash !== bytesToHex(sha256(utf8ToBytes(metadata)))) {
      throw this.#unusable('it does not carry the hash of the address’s description')
    }
    if (this.#made.has(invoice.paymentHash)) throw this.#unusable('it was given out before')
  }

  /** A verify URL at somebody else's is none: only who made the invoice knows whether it is paid. */
  #readVerify(verify: string | null | undefined, callback: string): URL | undefined {
    const url = URL.parse(verify ?? '')
    if (!url || !isSameSite(url.hostname, new URL(callback).hostname)) return undefined
    checkUrl(url, this.#guard)
    return url
  }

  async #askProvider(url: URL, paymentHash: string, signal: AbortSignal): Promise<InvoiceState> {
    const found = await this.#payService.verify(url, signal)
    if (!found) return { state: 'unknown' }
    const invoice = tryDecode(found.pr ?? undefined)
    const hasPreimage = typeof found.preimage === 'string' && found.preimage !== ''
    const otherPreimage = hasPreimage && bytesToHex(sha256(hexToBytes(found.preimage ?? ''))) !== paymentHash
    if ((invoice && invoice.paymentHash !== paymentHash) || (found.settled && otherPreimage)) {
      throw new WalletError('protocol', `${this.#service} answered for another invoice than was asked for.`)
    }
    if (found.settled) return { state: 'settled' }
    if (hasPreimage && !otherPreimage) this.#showsPreimages = true
    const isOver = invoice !== undefined && invoice.expiresAt * 1000 <= this.#options.clock.nowMs()
    return { state: isOver ? 'expired' : 'open' }
  }

  #remember(paymentHash: string, verifyUrl: URL | undefined): void {
    if (this.#made.size >= maxRemembered) {
      const [oldest] = this.#made.keys()
      if (oldest !== undefined) this.#made.delete(oldest)
    }
    this.#made.set(paymentHash, verifyUrl)
  }

  #unusable(reason: string): WalletError {
    return new WalletError('protocol', `${this.#service} issued an invoice that cannot be used: ${reason}.`)
  }
}
