import { BlockList, isIP, isIPv4, SocketAddress } from 'node:net'
import { z } from 'zod'

/** Addresses of clients and the ranges (CIDR, RFC 4632) that the configuration names. */

/** One way to write an address: an IPv4 one inside IPv6 as IPv4, no zone. @returns undefined for what is none */
export function canonicalAddress(text: string): string | undefined {
  if (isIPv4(text)) return text
  const [bare = ''] = text.split('%')
  if (isIP(bare) !== 6) return undefined
  const { address } = new SocketAddress({ address: bare, family: 'ipv6' })
  const mapped = /^::ffff:([0-9.]+)$/.exec(address)?.[1]
  return mapped ?? address
}

/** Whether a canonical address lies in one of the ranges. */
export function addressMatcher(ranges: readonly string[]): (address: string) => boolean {
  if (ranges.length === 0) return () => false
  // A list of each kind, since `::/0` in a common one would hold every IPv4 address too.
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() }
  for (const range of ranges) {
    const [address = '', bits] = range.split('/')
    const family = familyOf(address)
    if (bits === undefined) lists[family].addAddress(address, family)
    else lists[family].addSubnet(address, Number(bits), family)
  }
  return (address) => isIP(address) !== 0 && lists[familyOf(address)].check(address, familyOf(address))
}

const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIPv4(address) ? 'ipv4' : 'ipv6')

/** Who may come. Undefined `allowlist`: everyone but those of the blocklist, which counts first. */
export interface AccessRules {
  readonly allowlist: readonly string[] | undefined
  readonly blocklist: readonly string[]
}

/** @param address canonical; one that is not known is let in only where no list says who may come */
export function admission({ allowlist, blocklist }: AccessRules): (address: string) => boolean {
  const isBlocked = addressMatcher(blocklist)
  const isAllowed = allowlist ? addressMatcher(allowlist) : () => true
  return (address) => !isBlocked(address) && isAllowed(address)
}

/** `192.0.2.7`, `192.0.2.0/24`, `2001:db8::/32` → canonical text. */
const addressRange = z
  .string({ error: 'write an address or a range, such as `192.0.2.0/24` or `2001:db8::/32`' })
  .meta({ title: 'address range', examples: ['192.0.2.0/24', '2001:db8::/32', '127.0.0.1'] })
  .transform((text, context): string => {
    const [, given = '', bits] = /^([^/]*)(?:\/([0-9]{1,3}))?$/.exec(text) ?? []
    const address = given.includes('%') ? undefined : canonicalAddress(given)
    const most = address !== undefined && isIPv4(address) ? 32 : 128
    if (address === undefined || Number(bits ?? 0) > most || (isIPv4(address) && !isIPv4(given))) {
      context.addIssue(
        `\`${text}\` is not a range of addresses; write for example \`192.0.2.0/24\`, \`2001:db8::/32\` or one address`,
      )
      return z.NEVER
    }
    return bits === undefined ? address : `${address}/${bits}`
  })

export const addressRanges = z.array(addressRange, {
  error: 'write a list of addresses and ranges, such as `[192.0.2.0/24]`',
})
