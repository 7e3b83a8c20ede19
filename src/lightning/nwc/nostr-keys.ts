import { bytesToHex } from '@noble/hashes/utils.js'
import type { NostrEvent } from './nostr-event.ts'

export type Encryption = 'nip44_v2' | 'nip04'

/** Signs, encrypts and decrypts between one connection and its wallet. */
export interface NostrKeys {
  /** The connection's own public key, 64 hex digits. */
  readonly publicKey: string
  sign(event: Pick<NostrEvent, 'kind' | 'created_at' | 'tags' | 'content'>): NostrEvent
  /** True when the event's id and signature are right; about a millisecond. */
  verify(event: NostrEvent): boolean
  encrypt(text: string, encryption: Encryption): string
  /** @throws Error of any kind when it was not encrypted by the wallet for this connection */
  decrypt(content: string, encryption: Encryption): string
}

/**
 * The cryptography is loaded here and not before: a gateway without this wallet does not pay for it.
 */
export async function loadNostrKeys(secret: Uint8Array, walletPubkey: string): Promise<NostrKeys> {
  const [{ finalizeEvent, getPublicKey, verifyEvent }, nip44, nip04] = await Promise.all([
    import('nostr-tools/pure'),
    import('nostr-tools/nip44'),
    import('nostr-tools/nip04'),
  ])
  const conversationKey = nip44.getConversationKey(secret, walletPubkey)
  const secretHex = bytesToHex(secret)
  return {
    publicKey: getPublicKey(secret),
    sign: ({ kind, created_at, tags, content }) =>
      finalizeEvent({ kind, created_at, content, tags: tags.map((tag) => [...tag]) }, secret),
    // A copy: the library marks objects it has verified, and the mark must not come from outside.
    verify: ({ id, pubkey, created_at, kind, tags, content, sig }) =>
      verifyEvent({ id, pubkey, created_at, kind, content, sig, tags: tags.map((tag) => [...tag]) }),
    encrypt: (text, encryption) =>
      encryption === 'nip44_v2' ? nip44.encrypt(text, conversationKey) : nip04.encrypt(secretHex, walletPubkey, text),
    decrypt: (content, encryption) =>
      encryption === 'nip44_v2'
        ? nip44.decrypt(content, conversationKey)
        : nip04.decrypt(secretHex, walletPubkey, content),
  }
}
