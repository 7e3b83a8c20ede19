import type { Binding } from '../../l402/caveats.ts'
import type { ClientFacts } from '../../ports/upstream.ts'
import type { Gateway } from '../gateway.ts'
import { readMediaType } from '../request/media-type.ts'
import type { RequestParts } from '../request/prepare.ts'
import type { Target } from '../request/target.ts'
import { openOnce, sealOnce } from './seal-once.ts'

/** A request as it can be made again without its buyer: everything that a claim looks at. */
export interface StoredRequest {
  readonly target: Target
  readonly method: string
  readonly binding: Binding
  readonly parts: Omit<RequestParts, 'params'>
  readonly client: ClientFacts
}

interface Credential {
  readonly paymentHash: string
  readonly preimage: string
}

/** Seals a request for the ledger; only who brings the preimage can open it. */
export function sealRequest(
  { random }: Pick<Gateway, 'random'>,
  { paymentHash, preimage }: Credential,
  request: StoredRequest,
): Buffer {
  const { target, method, binding, parts, client } = request
  const rawHeaders = withoutCredential(client.rawHeaders)
  const head = Buffer.from(JSON.stringify({ target, method, binding, client: { ...client, rawHeaders } }))
  const length = Buffer.alloc(4)
  length.writeUInt32BE(head.length)
  return sealOnce({ paymentHash, preimage, purpose: 'request' }, Buffer.concat([length, head, parts.body]), random)
}

/** @throws Error when it was not sealed for this payment, or was changed */
export function openRequest({ paymentHash, preimage }: Credential, sealed: Uint8Array): StoredRequest {
  const plain = openOnce({ paymentHash, preimage, purpose: 'request' }, sealed)
  const end = 4 + plain.readUInt32BE(0)
  const head = JSON.parse(plain.toString('utf8', 4, end)) as Omit<StoredRequest, 'parts'>
  const mediaType = readMediaType(contentTypes(head.client.rawHeaders))
  return { ...head, parts: { query: head.target.query, mediaType, body: plain.subarray(end) } }
}

/** The preimage must not stand in what it opens. */
function withoutCredential(rawHeaders: readonly string[]): string[] {
  const kept: string[] = []
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const [name = '', value = ''] = [rawHeaders[at], rawHeaders[at + 1]]
    const ours = name.toLowerCase() === 'authorization' && /(?:^|,)\s*(?:L402|LSAT)(?:\s|$)/i.test(value)
    if (!ours) kept.push(name, value)
  }
  return kept
}

const contentTypes = (rawHeaders: readonly string[]): string[] =>
  rawHeaders.filter((_value, at) => at % 2 === 1 && rawHeaders[at - 1]?.toLowerCase() === 'content-type')
