import { type Event, finalizeEvent, generateSecretKey, getPublicKey, nip04, nip44 } from 'nostr-tools'
import { type FakeInvoice, FakeNode } from './fake-node.ts'
import { FakeNwcHolds, type FakeNwcHoldsOptions, type NwcHold } from './fake-nwc-holds.ts'
import { NostrRelay } from './nostr-relay.ts'

type Encryption = 'nip44_v2' | 'nip04'
type Answer = { readonly result: unknown } | { readonly error: { readonly code: string; readonly message: string } }

export interface FakeNwcOptions {
  readonly methods: readonly string[]
  readonly notifications: readonly string[]
  readonly encryptions: readonly Encryption[]
  /** Refuses, as Alby Hub does, what is no whole number of satoshi. */
  readonly wholeSats: boolean
  /** Leaves `state` out, as older wallets do. */
  readonly withoutState: boolean
  readonly network: string | undefined
  readonly holds: Partial<Pick<FakeNwcHoldsOptions, 'lenient' | 'forgetful' | 'ignoresBlocks'>>
}

export const holdMethods = ['make_hold_invoice', 'settle_hold_invoice', 'cancel_hold_invoice']
export const receiveOnly = ['get_info', 'make_invoice', 'lookup_invoice']
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

/** A wallet service (NIP-47) behind a relay of its own, with one connection; it does wrong what it is told to. */
export class FakeNwc implements AsyncDisposable {
  readonly relay = new NostrRelay()
  readonly node = new FakeNode()
  readonly options: FakeNwcOptions
  readonly clientSecret = hex(generateSecretKey())
  /** Methods of the requests that arrived. */
  readonly asked: string[] = []
  /** Answers in the place of the wallet; undefined: as usual. */
  instead: ((method: string, params: Record<string, unknown>) => Answer | 'silence' | 'garbage' | undefined) | undefined
  loseNextInvoice = false
  /** The next request of this method is carried out, and the connection cut before the answer. */
  loseReplyTo: string | undefined
  readonly holds: FakeNwcHolds
  readonly #secret = generateSecretKey()

  constructor(options: Partial<FakeNwcOptions> = {}) {
    this.options = {
      methods: receiveOnly,
      notifications: ['payment_received'],
      encryptions: ['nip44_v2', 'nip04'],
      wholeSats: false,
      withoutState: false,
      network: 'regtest',
      holds: {},
      ...options,
    }
    this.holds = new FakeNwcHolds({
      node: this.node,
      lenient: false,
      forgetful: false,
      ignoresBlocks: false,
      ...this.options.holds,
      onChange: (hold) => this.#tellOf(hold),
    })
  }

  get uri(): string {
    return this.uriWith(this.clientSecret)
  }

  uriWith(secret: string, relay = this.relay.url): string {
    return `nostr+walletconnect://${getPublicKey(this.#secret)}?relay=${encodeURIComponent(relay)}&secret=${secret}&lud16=shop%40example.com`
  }

  async start(): Promise<this> {
    await this.relay.start()
    this.relay.onPublished = (event) => this.#serve(event)
    this.#announce()
    return this
  }

  /** @returns the preimage, as the payer gets it */
  settle(paymentHash: string): string {
    const preimage = this.node.settle(paymentHash)
    const invoice = this.node.invoices.get(paymentHash)
    if (invoice && this.options.notifications.length > 0) this.notify('payment_received', this.#transaction(invoice))
    return preimage
  }

  notify(type: string, notification: unknown): void {
    const encryption = this.options.encryptions.includes('nip44_v2') ? 'nip44_v2' : 'nip04'
    this.notifyRaw(
      encryption,
      this.#encrypt(this.#client, JSON.stringify({ notification_type: type, notification }), encryption),
    )
  }

  notifyRaw(encryption: Encryption, content: string): void {
    this.relay.publish(this.#sign(encryption === 'nip04' ? 23_196 : 23_197, [['p', this.#client]], content))
  }

  /** A reply to the newest request that the relay saw, signed by somebody else. */
  forgeReply(to: Event, reply: unknown): void {
    const stranger = generateSecretKey()
    const key = nip44.getConversationKey(stranger, to.pubkey)
    const content = nip44.encrypt(JSON.stringify(reply), key)
    const tags = [
      ['e', to.id],
      ['p', to.pubkey],
    ]
    const forged = finalizeEvent({ kind: 23_195, created_at: now(), tags, content }, stranger)
    this.relay.force(forged)
    this.relay.force({ ...forged, pubkey: getPublicKey(this.#secret) })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.relay.stop()
  }

  get #client(): string {
    return getPublicKey(Buffer.from(this.clientSecret, 'hex'))
  }

  #announce(): void {
    const { encryptions, methods, notifications } = this.options
    const tags = [['notifications', notifications.join(' ')]]
    // Wallets from before the tag know NIP-04 only.
    if (encryptions.includes('nip44_v2')) tags.push(['encryption', encryptions.join(' ')])
    this.relay.publish(this.#sign(13_194, tags, methods.join(' ')))
  }

  #serve(event: Event): void {
    if (event.kind !== 23_194) return
    const asked = (event.tags.find(([name]) => name === 'encryption')?.[1] ?? 'nip04') as Encryption
    const request = this.#decrypt(event, asked)
    const { method, params } = JSON.parse(request) as { method: string; params: Record<string, unknown> }
    this.asked.push(method)
    const known = event.pubkey === this.#client
    const answer = known ? (this.instead?.(method, params) ?? this.#carryOut(method, params)) : refuse('UNAUTHORIZED')
    if (answer === 'silence') return
    if (method === this.loseReplyTo) {
      this.loseReplyTo = undefined
      return this.relay.drop()
    }
    if (this.loseNextInvoice && method === 'make_invoice') {
      this.loseNextInvoice = false
      return this.relay.drop()
    }
    const content =
      answer === 'garbage'
        ? 'AAAAgarbage'
        : this.#encrypt(event.pubkey, JSON.stringify({ result_type: method, ...answer }), asked)
    this.relay.publish(
      this.#sign(
        23_195,
        [
          ['p', event.pubkey],
          ['e', event.id],
        ],
        content,
      ),
    )
  }

  #carryOut(method: string, params: Record<string, unknown>): Answer {
    const { methods, network, notifications, wholeSats } = this.options
    if (!methods.includes(method)) return refuse('RESTRICTED')
    if (method === 'get_info') return { result: { alias: 'fake', network, methods, notifications } }
    const held = this.#carryOutHold(method, params)
    if (held)
      return 'refused' in held
        ? refuse(held.refused)
        : { result: method.startsWith('make') ? this.transactionOf(held.hold) : {} }
    if (method === 'lookup_invoice') {
      const hold = this.holds.all.get(String(params.payment_hash))
      if (hold) return { result: this.transactionOf(hold) }
      const invoice = this.node.invoices.get(String(params.payment_hash))
      return invoice ? { result: this.#transaction(invoice) } : refuse('NOT_FOUND')
    }
    const amount = Number(params.amount)
    if (!Number.isSafeInteger(amount) || amount < 1 || (wholeSats && amount % 1000 !== 0)) return refuse('OTHER')
    const invoice = this.node.make({
      amountMsat: BigInt(amount),
      description: String(params.description),
      expirySeconds: Number(params.expiry),
    })
    return { result: this.#transaction(invoice) }
  }

  #carryOutHold(method: string, params: Record<string, unknown>) {
    if (method === 'make_hold_invoice') return this.holds.make(params)
    if (method === 'settle_hold_invoice') return this.holds.settle(String(params.preimage))
    if (method === 'cancel_hold_invoice') return this.holds.cancel(String(params.payment_hash))
    return undefined
  }

  #tellOf(hold: NwcHold): void {
    const type = { accepted: 'hold_invoice_accepted', settled: 'payment_received', failed: '', pending: '' }[hold.state]
    if (this.options.notifications.includes(type)) this.notify(type, this.transactionOf(hold))
  }

  transactionOf({ invoice, state, preimage }: NwcHold): unknown {
    const isOver = state === 'pending' && this.node.isExpired(invoice)
    return {
      type: 'incoming',
      state: isOver ? 'expired' : state,
      invoice: invoice.bolt11,
      payment_hash: invoice.paymentHash,
      preimage,
      amount: Number(invoice.amountMsat),
      expires_at: invoice.expiresAt,
      settled_at: state === 'settled' ? now() : null,
    }
  }

  #transaction(invoice: FakeInvoice): unknown {
    const isSettled = invoice.settleIndex !== undefined
    const state = isSettled ? 'settled' : this.node.isExpired(invoice) ? 'expired' : 'pending'
    return {
      type: 'incoming',
      ...(this.options.withoutState ? {} : { state }),
      invoice: invoice.bolt11,
      description: invoice.description,
      payment_hash: invoice.paymentHash,
      preimage: isSettled ? invoice.preimage : '',
      amount: Number(invoice.amountMsat),
      fees_paid: 0,
      created_at: Math.floor(invoice.createdAtMs / 1000),
      expires_at: invoice.expiresAt,
      settled_at: invoice.settledAtMs === undefined ? null : Math.floor(invoice.settledAtMs / 1000),
      metadata: {},
    }
  }

  #sign(kind: number, tags: string[][], content: string): Event {
    return finalizeEvent({ kind, created_at: now(), tags, content }, this.#secret)
  }

  #encrypt(to: string, text: string, encryption: Encryption): string {
    if (encryption === 'nip04') return nip04.encrypt(this.#secret, to, text)
    return nip44.encrypt(text, nip44.getConversationKey(this.#secret, to))
  }

  #decrypt({ pubkey, content }: Event, encryption: Encryption): string {
    if (encryption === 'nip04') return nip04.decrypt(this.#secret, pubkey, content)
    return nip44.decrypt(content, nip44.getConversationKey(this.#secret, pubkey))
  }
}

const now = () => Math.floor(Date.now() / 1000)

export const refuse = (code: string): Answer => ({ error: { code, message: `${code}, says the wallet` } })
