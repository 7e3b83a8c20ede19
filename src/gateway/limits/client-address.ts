import type { IncomingMessage } from 'node:http'
import { headerLines } from '../request/headers.ts'

/** How an address is written and whose word on it counts. */
export interface AddressRules {
  /** One way to write an address; undefined for what is none. */
  readonly canonical: (text: string) => string | undefined
  readonly isProxy: (address: string) => boolean
  /** Proxies that a request passes; 0: nobody's word counts but the connection's own. */
  readonly hops: number
}

/** Where nothing at all is known of the connection, as when it is gone already. */
export const unknownAddress = 'unknown'

/**
 * The address of the client: that of the connection, or what trusted proxies said of it. `X-Forwarded-For` is read from
 * its end, where our proxies wrote, over at most `hops` entries and only as long as the one who wrote is trusted, so
 * that nothing a client puts before them counts.
 */
export function clientAddress(incoming: IncomingMessage, { canonical, isProxy, hops }: AddressRules): string {
  const peer = incoming.socket.remoteAddress
  let address = (peer === undefined ? undefined : canonical(peer)) ?? unknownAddress
  if (hops === 0 || !isProxy(address)) return address
  const entries = headerLines(incoming, 'x-forwarded-for').join(',').split(',')
  for (let hop = 0; hop < hops && isProxy(address); hop++) {
    const named = canonical(withoutPort(entries.pop()?.trim() ?? ''))
    if (named === undefined) return address
    address = named
  }
  return address
}

/** Some proxies write the port of the client too. */
function withoutPort(entry: string): string {
  return /^\[([^\]]*)\](?::[0-9]+)?$/.exec(entry)?.[1] ?? /^([0-9.]+):[0-9]+$/.exec(entry)?.[1] ?? entry
}

/** Who counts as one client: the /24 of an IPv4 address, the /48 of an IPv6 one. @param address canonical */
export function clientPrefix(address: string): string {
  if (!address.includes(':')) return address.slice(0, address.lastIndexOf('.') + 1) || address
  const [before = '', after] = address.split('::')
  const head = before === '' ? [] : before.split(':')
  const tail = after === undefined || after === '' ? 0 : after.split(':').length
  const zeros = after === undefined ? 0 : Math.max(0, Math.min(3, 8 - tail) - head.length)
  return `${[...head, ...Array<string>(zeros).fill('0')].slice(0, 3).join(':')}::`
}

/** Such a client is the operator's own, or comes through a proxy that the configuration does not name. */
export const isOwnMachine = (address: string): boolean => address === '::1' || address.startsWith('127.')
