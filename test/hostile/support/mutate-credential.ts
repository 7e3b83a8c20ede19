import type { Random } from './random.ts'

/** A credential as it is sent, and one of another payment to take pieces from. */
export interface Credential {
  /** Standard base64. */
  readonly token: string
  /** 64 hex digits. */
  readonly preimage: string
}

const junk = [
  '',
  ' ',
  '\t',
  ',',
  ':',
  '=',
  '==',
  '"',
  '\0',
  '\n',
  '%',
  '-',
  '_',
  '+',
  '/',
  'A',
  'L402 ',
  'LSAT',
  '\u00ff',
  '…',
]
const appended = [
  'path=/other',
  'price_msat=1',
  'services=*:0',
  'method=GET',
  'rev=0000000000000000',
  '',
  '=',
  'x'.repeat(300),
]

/** The Authorization lines of a credential with one to three things changed: bits, bytes, text, parts of another one. */
export function mutateCredential(random: Random, one: Credential, other: Credential): string[] {
  let bytes = Buffer.from(one.token, 'base64')
  let { preimage } = one
  let write = (token: string): string => `L402 ${token}:${preimage}`
  const changes = 1 + random.below(3)
  for (let change = 0; change < changes; change++) {
    const at = random.below(bytes.length)
    const length = random.below(40)
    switch (random.below(10)) {
      case 0:
      case 1:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8))
        break
      case 2:
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + length)])
        if (bytes.length === 0) bytes = Buffer.of(2)
        break
      case 3: {
        const put = Buffer.from(Array.from({ length }, () => random.below(256)))
        bytes = Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at)])
        break
      }
      case 4: {
        const theirs = Buffer.from(other.token, 'base64')
        bytes = Buffer.concat([bytes.subarray(0, at), theirs.subarray(at, at + length), bytes.subarray(at + length)])
        break
      }
      case 5: {
        // A caveat more, in the right framing, without the signature that goes with it.
        const text = Buffer.from(random.of(appended))
        const before = Math.max(1, bytes.length - 35)
        const head = text.length < 128 ? [2, text.length] : [2, (text.length & 0x7f) | 0x80, text.length >> 7]
        bytes = Buffer.concat([
          bytes.subarray(0, before),
          Buffer.from(head),
          text,
          Buffer.of(0),
          bytes.subarray(before),
        ])
        break
      }
      case 6: {
        const digit = random.below(64)
        preimage = preimage.slice(0, digit) + random.of('0123456789abcdefg '.split('')) + preimage.slice(digit + 1)
        break
      }
      case 7:
        preimage = random.of([
          other.preimage,
          '0'.repeat(64),
          preimage.slice(1),
          `${preimage}0`,
          '',
          preimage.toUpperCase(),
        ])
        break
      case 8: {
        const before = write
        const cut = random.below(900)
        const piece = random.of(junk)
        write = (token) => {
          const line = before(token)
          return line.slice(0, cut) + piece + line.slice(cut + random.below(3))
        }
        break
      }
      default: {
        const before = write
        const scheme = random.of(['L402', 'LSAT', 'l402', 'Bearer', 'L40 2', ''])
        write = (token) => before(token).replace(/^L402/, scheme)
      }
    }
  }
  const line = write(bytes.toString('base64'))
  switch (random.below(12)) {
    case 0:
      return [line, `L402 ${one.token}:${preimage}`]
    case 1:
      return [`${line}, L402 ${other.token}:${other.preimage}`]
    case 2:
      return [line.repeat(1 + random.below(12))]
    default:
      return [line]
  }
}
