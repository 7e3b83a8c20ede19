import { hexToBytes } from '@noble/hashes/utils.js'
import { WalletError } from '../../ports/wallet.ts'

/** What a Nostr Wallet Connect string says (NIP-47, "Nostr Wallet Connect URI"). */
export interface NwcConnection {
  /** 64 lower-case hex digits. */
  readonly walletPubkey: string
  /** At least one. */
  readonly relayUrls: readonly string[]
  /** 32 bytes: the key this connection signs and encrypts with. */
  readonly secret: Uint8Array
}

const scheme = /^nostr\+?walletconnect:(?:\/\/)?/i
const hex32 = /^[0-9a-f]{64}$/

/**
 * Reads `nostr+walletconnect://<wallet's public key>?relay=wss://…&secret=<64 hex digits>`.
 * @throws WalletError `rejected`; the message holds nothing of the string, which is a secret
 */
export function parseConnectionString(text: string): NwcConnection {
  const trimmed = text.trim()
  if (!scheme.test(trimmed)) {
    throw unusable('it must begin with `nostr+walletconnect://`')
  }
  // The scheme is not one that URL takes apart.
  const [key = '', query = ''] = trimmed.replace(scheme, '').split('?', 2)
  const walletPubkey = key.replace(/\/$/, '').toLowerCase()
  if (!hex32.test(walletPubkey)) throw unusable("after the `//` it must have the wallet's public key, 64 hex digits")
  const parameters = new URLSearchParams(query)
  const secret = parameters.get('secret')?.toLowerCase() ?? ''
  if (!hex32.test(secret)) throw unusable('it has no `secret` of 64 hex digits')
  const relayUrls = [...new Set(parameters.getAll('relay'))]
  if (relayUrls.length === 0) throw unusable('it names no `relay`')
  if (!relayUrls.every(isRelayUrl)) throw unusable('each `relay` must be a URL that begins with `wss://` or `ws://`')
  return { walletPubkey, relayUrls, secret: hexToBytes(secret) }
}

function isRelayUrl(text: string): boolean {
  return URL.canParse(text) && /^wss?:$/.test(new URL(text).protocol)
}

function unusable(reason: string): WalletError {
  return new WalletError(
    'rejected',
    `The wallet connection string cannot be used: ${reason}. Copy it again from the wallet, whole.`,
  )
}
