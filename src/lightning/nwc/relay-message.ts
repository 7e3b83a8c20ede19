import { isNostrEvent, type NostrEvent } from './nostr-event.ts'

/** What a relay says (NIP-01, "From relay to client"), as far as it matters here. */
export type RelayMessage =
  | { readonly type: 'event'; readonly event: NostrEvent }
  | { readonly type: 'ok'; readonly eventId: string; readonly accepted: boolean; readonly reason: string }
  | { readonly type: 'closed'; readonly subscription: string }

/** Undefined for what is not understood or not needed. */
export function readRelayMessage(text: string): RelayMessage | undefined {
  const message = parse(text)
  if (!Array.isArray(message)) return undefined
  const [type, first, second, third] = message as unknown[]
  if (type === 'EVENT' && isNostrEvent(second)) return { type: 'event', event: second }
  if (type === 'OK' && typeof first === 'string') {
    return { type: 'ok', eventId: first, accepted: second === true, reason: typeof third === 'string' ? third : '' }
  }
  if (type === 'CLOSED' && typeof first === 'string') return { type: 'closed', subscription: first }
  return undefined
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
