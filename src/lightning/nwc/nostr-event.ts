/** A signed Nostr event (NIP-01, "Events and signatures"). */
export interface NostrEvent {
  /** 64 lower-case hex digits: the SHA-256 of the rest. */
  readonly id: string
  readonly pubkey: string
  /** Unix seconds. */
  readonly created_at: number
  readonly kind: number
  readonly tags: readonly (readonly string[])[]
  readonly content: string
  readonly sig: string
}

/** The kinds of NIP-47. */
export const eventKind = {
  info: 13194,
  request: 23194,
  response: 23195,
  notificationNip04: 23196,
  notificationNip44: 23197,
} as const

/** What a relay is asked for (NIP-01, "Communication between clients and relays"). */
export interface EventFilter {
  readonly kinds: readonly number[]
  readonly authors: readonly string[]
  readonly '#p'?: readonly string[]
  /** Unix seconds. */
  readonly since?: number
  readonly limit?: number
}

/** The shape only: whether the signature is right is another question. */
export function isNostrEvent(value: unknown): value is NostrEvent {
  if (typeof value !== 'object' || value === null) return false
  const event = value as Partial<Record<keyof NostrEvent, unknown>>
  return (
    [event.id, event.pubkey, event.content, event.sig].every((each) => typeof each === 'string') &&
    Number.isInteger(event.kind) &&
    Number.isInteger(event.created_at) &&
    Array.isArray(event.tags) &&
    event.tags.every((tag) => Array.isArray(tag) && tag.every((item) => typeof item === 'string'))
  )
}

/** The first value of a tag; undefined where there is none. */
export function tagValue(event: NostrEvent, name: string): string | undefined {
  return event.tags.find(([first]) => first === name)?.[1]
}
