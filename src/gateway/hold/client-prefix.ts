import { isIPv6 } from 'node:net'

/** The network a client is in: the /24 of an IPv4 address, the /48 of an IPv6 one. */
export function clientPrefix(address: string): string {
  const mapped = /^::ffff:([0-9.]+)$/i.exec(address)?.[1] ?? address
  if (!isIPv6(mapped)) return mapped.split('.').slice(0, 3).join('.')
  const [head = ''] = mapped.toLowerCase().split('::')
  const groups = head.split(':').filter((group) => group !== '')
  return [...groups, '0', '0', '0'].slice(0, 3).join(':')
}
