import { WalletError } from '../../ports/wallet.ts'
import type { NwcConnection } from './connection-string.ts'
import { eventKind, type NostrEvent, tagValue } from './nostr-event.ts'
import { type Encryption, loadNostrKeys, type NostrKeys } from './nostr-keys.ts'
import { RelayLink } from './relay-link.ts'

/** What the wallet answered: its result, or its error by a code of NIP-47 ("Error codes"). */
export type WalletAnswer =
  | { readonly type: 'result'; readonly result: unknown }
  | { readonly type: 'error'; readonly code: string }

/** What the wallet publishes of itself (NIP-47, "Info event"). */
export interface WalletService {
  readonly methods: readonly string[]
  readonly notifications: readonly string[]
  readonly encryption: Encryption
}

export interface Nip47ClientSetup {
  readonly connection: NwcConnection
  readonly nowMs: () => number
  /** Called with each notification of the wallet, decrypted: its type and its body. */
  onNotification(type: string, body: unknown): void
  readonly pingEveryMs?: number
}

interface PendingRequest {
  readonly encryption: Encryption
  readonly answer: PromiseWithResolvers<WalletAnswer>
}

/** Wallets' clocks may differ from ours by so much. */
const clockToleranceSeconds = 3600
const incoming = 'incoming'
const information = 'information'

/**
 * Requests to one wallet over its relays (NIP-47): each goes to every relay that can be reached, and the first answer
 * counts. An answer that nobody can read fails its request and nothing else.
 */
export class Nip47Client implements Disposable {
  readonly #setup: Nip47ClientSetup
  readonly #links: readonly RelayLink[]
  readonly #pending = new Map<string, PendingRequest>()
  readonly #waitingForInfo = new Set<(event: NostrEvent) => void>()
  #keys: NostrKeys | undefined
  #closed = false

  constructor(setup: Nip47ClientSetup) {
    this.#setup = setup
    this.#links = setup.connection.relayUrls.map(
      (url) =>
        new RelayLink({
          url,
          onEvent: (event) => this.#receive(event),
          onLost: (reason) => this.#lost(reason),
          ...(setup.pingEveryMs !== undefined && { pingEveryMs: setup.pingEveryMs }),
        }),
    )
  }

  /**
   * Connects and reads what the wallet publishes of itself.
   * @throws WalletError `unavailable`, `timeout`, `protocol`
   */
  async readService(signal: AbortSignal): Promise<WalletService> {
    await this.#ready(signal)
    const found = Promise.withResolvers<NostrEvent>()
    this.#waitingForInfo.add(found.resolve)
    for (const link of this.#links) {
      link.subscribe(information, () => ({
        kinds: [eventKind.info],
        authors: [this.#setup.connection.walletPubkey],
        limit: 1,
      }))
    }
    try {
      return readInfo(await ending(found.promise, signal, silentWallet))
    } finally {
      this.#waitingForInfo.delete(found.resolve)
      for (const link of this.#links) link.unsubscribe(information)
    }
  }

  /**
   * Makes the connection over which notifications come, unless it stands.
   * @throws WalletError `unavailable`, `timeout`
   */
  async connect(signal: AbortSignal): Promise<void> {
    await this.#ready(signal)
  }

  /**
   * Asks the wallet.
   * @throws WalletError `unavailable`, `rate_limited`, `timeout`, `protocol`
   */
  async request(
    method: string,
    params: Readonly<Record<string, unknown>>,
    encryption: Encryption,
    signal: AbortSignal,
  ): Promise<WalletAnswer> {
    const keys = await this.#ready(signal)
    const { walletPubkey } = this.#setup.connection
    const event = keys.sign({
      kind: eventKind.request,
      created_at: Math.floor(this.#setup.nowMs() / 1000),
      tags: [
        ['p', walletPubkey],
        ['encryption', encryption],
      ],
      content: keys.encrypt(JSON.stringify({ method, params }), encryption),
    })
    const answer = Promise.withResolvers<WalletAnswer>()
    this.#pending.set(event.id, { encryption, answer })
    const wanted = new AbortController()
    const published = Promise.any(this.#links.map((link) => link.publish(event, wanted.signal)))
    published.catch((thrown: unknown) => answer.reject(firstError(thrown)))
    try {
      return await ending(answer.promise, signal, 'The wallet did not answer in time; check that it is running.')
    } catch (thrown) {
      if (thrown instanceof WalletError && thrown.code === 'timeout') for (const link of this.#links) link.suspect()
      throw thrown
    } finally {
      wanted.abort()
      this.#pending.delete(event.id)
      for (const link of this.#links) link.forget(event.id)
    }
  }

  [Symbol.dispose](): void {
    this.#closed = true
    for (const link of this.#links) link[Symbol.dispose]()
    const closed = new WalletError('unavailable', 'The connection to the wallet is closed.')
    for (const { answer } of this.#pending.values()) answer.reject(closed)
  }

  /** Answers are not kept by relays: what was asked over the last of them gets none. */
  #lost(reason: WalletError): void {
    if (this.#links.some(({ connected }) => connected)) return
    for (const { answer } of this.#pending.values()) answer.reject(reason)
  }

  /** One relay is enough; the others connect meanwhile. */
  async #ready(signal: AbortSignal): Promise<NostrKeys> {
    const { secret, walletPubkey } = this.#setup.connection
    const keys = (this.#keys ??= await loadNostrKeys(secret, walletPubkey))
    if (this.#closed) throw new WalletError('unavailable', 'The connection to the wallet is closed.')
    for (const link of this.#links) link.subscribe(incoming, () => this.#incomingFilter(keys))
    const connected = Promise.any(this.#links.map((link) => link.ready())).catch((thrown: unknown) => {
      throw firstError(thrown)
    })
    await ending(connected, signal, 'The relay of the wallet did not answer in time; check the network.')
    return keys
  }

  #incomingFilter(keys: NostrKeys) {
    return {
      kinds: [eventKind.response, eventKind.notificationNip04, eventKind.notificationNip44],
      authors: [this.#setup.connection.walletPubkey],
      '#p': [keys.publicKey],
      since: Math.floor(this.#setup.nowMs() / 1000) - clockToleranceSeconds,
    }
  }

  /** Cheap tests first: whoever runs the relay may send anything. */
  #receive(event: NostrEvent): void {
    if (event.pubkey !== this.#setup.connection.walletPubkey) return
    switch (event.kind) {
      case eventKind.info:
        if (this.#waitingForInfo.size > 0 && this.#isGenuine(event))
          for (const found of this.#waitingForInfo) found(event)
        return
      case eventKind.response: {
        const pending = this.#pending.get(tagValue(event, 'e') ?? '')
        if (pending && this.#isGenuine(event)) this.#answer(pending, event)
        return
      }
      case eventKind.notificationNip04:
      case eventKind.notificationNip44:
        if (this.#isGenuine(event)) this.#notify(event)
        return
      default:
        return
    }
  }

  #answer({ encryption, answer }: PendingRequest, event: NostrEvent): void {
    const reply = this.#open(event, encryption)
    if (!isRecord(reply)) {
      const message =
        'The wallet answered something that cannot be read; update the wallet, or make the connection anew.'
      return answer.reject(new WalletError('protocol', message))
    }
    if (reply.result !== undefined && reply.result !== null)
      return answer.resolve({ type: 'result', result: reply.result })
    const code = isRecord(reply.error) && typeof reply.error.code === 'string' ? reply.error.code : 'OTHER'
    answer.resolve({ type: 'error', code })
  }

  #notify(event: NostrEvent): void {
    const encryption = event.kind === eventKind.notificationNip04 ? 'nip04' : 'nip44_v2'
    const notification = this.#open(event, encryption)
    if (!isRecord(notification) || typeof notification.notification_type !== 'string') return
    this.#setup.onNotification(notification.notification_type, notification.notification)
  }

  #isGenuine(event: NostrEvent): boolean {
    return this.#keys?.verify(event) ?? false
  }

  /** Undefined for what cannot be decrypted or is not JSON; the reason could quote secrets, so nobody gets it. */
  #open(event: NostrEvent, encryption: Encryption): unknown {
    try {
      return JSON.parse(this.#keys?.decrypt(event.content, encryption) ?? '')
    } catch {
      return undefined
    }
  }
}

const silentWallet =
  'The wallet has published nothing at its relay; check that it runs and that this connection still stands in its list.'

/** Without the tag a wallet knows NIP-04 only (NIP-47, "Encryption"). */
function readInfo(event: NostrEvent): WalletService {
  const words = (text: string | undefined) => (text ?? '').split(/[\s,]+/).filter((word) => word !== '')
  const offered = words(tagValue(event, 'encryption') ?? 'nip04')
  const encryption = (['nip44_v2', 'nip04'] as const).find((each) => offered.includes(each))
  if (!encryption) {
    throw new WalletError('protocol', 'The wallet knows neither encryption of NIP-47 (nip44_v2, nip04); update it.')
  }
  return { methods: words(event.content), notifications: words(tagValue(event, 'notifications')), encryption }
}

/** Ends the wait, not what is waited for, when the signal aborts. */
async function ending<T>(promise: Promise<T>, signal: AbortSignal, message: string): Promise<T> {
  const late = Promise.withResolvers<never>()
  const onAbort = () => late.reject(new WalletError('timeout', message, { cause: signal.reason }))
  if (signal.aborted) onAbort()
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([promise, late.promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}

function firstError(thrown: unknown): unknown {
  return thrown instanceof AggregateError ? thrown.errors[0] : thrown
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
