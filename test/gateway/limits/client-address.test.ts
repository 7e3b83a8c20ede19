import type { IncomingMessage } from 'node:http'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { addressMatcher, admission, canonicalAddress } from '#src/config/address-range.ts'
import { clientAddress, clientPrefix, isOwnMachine } from '#src/gateway/limits/client-address.ts'

const rules = (hops: number, from: readonly string[] = ['10.0.0.0/8']) => ({
  canonical: canonicalAddress,
  isProxy: addressMatcher(from),
  hops,
})

const request = (peer: string | undefined, ...forwarded: string[]) =>
  ({
    socket: { remoteAddress: peer },
    rawHeaders: forwarded.flatMap((line) => ['X-Forwarded-For', line]),
  }) as unknown as IncomingMessage

describe('the address of a client', () => {
  test.for([
    ['nobody is believed by default', 0, '10.0.0.1', ['1.1.1.1'], '10.0.0.1'],
    ['a stranger is not believed', 1, '9.9.9.9', ['1.1.1.1'], '9.9.9.9'],
    ['what the proxy wrote is at the end', 1, '10.0.0.1', ['6.6.6.6, 1.1.1.1'], '1.1.1.1'],
    ['several lines are one list', 1, '10.0.0.1', ['6.6.6.6', '1.1.1.1'], '1.1.1.1'],
    ['a second proxy is passed where two are configured', 2, '10.0.0.1', ['6.6.6.6, 1.1.1.1, 10.0.0.2'], '1.1.1.1'],
    ['and only then', 1, '10.0.0.1', ['1.1.1.1, 10.0.0.2'], '10.0.0.2'],
    ['who goes round the outer proxy moves nothing', 2, '10.0.0.1', ['6.6.6.6, 1.1.1.1'], '1.1.1.1'],
    ['a proxy that says nothing is the client', 1, '10.0.0.1', [], '10.0.0.1'],
    ['as is one that says nonsense', 1, '10.0.0.1', ['1.1.1.1, unknown'], '10.0.0.1'],
    ['or an empty entry', 1, '10.0.0.1', ['1.1.1.1,'], '10.0.0.1'],
    ['a port is left out', 1, '10.0.0.1', ['1.1.1.1:4711'], '1.1.1.1'],
    ['also of IPv6', 1, '10.0.0.1', ['[2001:db8::1]:4711'], '2001:db8::1'],
    ['IPv4 in IPv6 is IPv4', 1, '::ffff:10.0.0.1', ['::ffff:101:101'], '1.1.1.1'],
    ['a connection that is gone has none', 1, undefined, ['1.1.1.1'], 'unknown'],
  ] as const)('%s', ([, hops, peer, forwarded, expected]) => {
    expect(clientAddress(request(peer, ...forwarded), rules(hops))).toBe(expected)
  })

  test('nothing that stands before the entries of the proxies changes it', () => {
    const junk = fc.oneof(fc.ipV4(), fc.ipV6(), fc.string(), fc.constant('10.0.0.3'), fc.constant('127.0.0.1'))
    fc.assert(
      fc.property(fc.array(junk), fc.integer({ min: 1, max: 4 }), (forged, hops) => {
        const lines = [...forged.map((text) => text.replace(/[\r\n]/g, '')), '203.0.113.9']
        expect(clientAddress(request('10.0.0.1', lines.join(', ')), rules(hops))).toBe('203.0.113.9')
      }),
      { numRuns: 500 },
    )
  })
})

describe('one client', () => {
  test.for([
    ['192.0.2.7', '192.0.2.'],
    ['192.0.2.200', '192.0.2.'],
    ['2001:db8:7:8::1', '2001:db8:7::'],
    ['2001:db8:7::', '2001:db8:7::'],
    ['2001:db8::1', '2001:db8:0::'],
    ['2001::7', '2001:0:0::'],
    ['::1', '0:0:0::'],
    ['::', '0:0:0::'],
    ['1:2:3:4:5:6:7:8', '1:2:3::'],
    ['unknown', 'unknown'],
  ])('%s is one of %s', ([address, prefix]) => {
    expect(clientPrefix(address ?? '')).toBe(prefix)
  })

  test('is the /48 of IPv6, whatever the other bits', () => {
    const group = fc.integer({ min: 0, max: 0xffff })
    fc.assert(
      fc.property(fc.tuple(group, group, group), fc.array(group, { minLength: 5, maxLength: 5 }), (head, tail) => {
        const text = [...head, ...tail].map((part) => part.toString(16)).join(':')
        const address = canonicalAddress(text) ?? ''
        // An IPv4 address in IPv6 is a client by its IPv4 address.
        fc.pre(address.includes(':') && !address.includes('.'))
        expect(clientPrefix(address)).toBe(`${head.map((part) => part.toString(16)).join(':')}::`)
      }),
    )
  })

  test('may be this machine itself', () => {
    expect(['127.0.0.1', '127.9.9.9', '::1', '128.0.0.1', '10.0.0.1', '::2', 'unknown'].map(isOwnMachine)).toEqual([
      true,
      true,
      true,
      false,
      false,
      false,
      false,
    ])
  })
})

describe('lists of addresses', () => {
  test.for([
    ['127.0.0.0/8', '::ffff:7f00:1', true],
    ['::/0', '192.0.2.1', false],
    ['0.0.0.0/0', '2001:db8::1', false],
    ['2001:db8::/32', '2001:DB8:0:0:0:0:0:7', true],
    ['2001:db8::/32', '2001:db9::7', false],
    ['192.0.2.7', '192.0.2.7', true],
    ['192.0.2.7', '192.0.2.8', false],
  ] as const)('whether %s holds %s', ([range, address, expected]) => {
    expect(addressMatcher([range])(canonicalAddress(address) ?? '')).toBe(expected)
  })

  test('hold an address in whatever spelling it comes, and in whatever spelling they name it', () => {
    const group = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff }))
    const groups = fc.oneof(
      fc.array(group, { minLength: 8, maxLength: 8 }),
      fc.tuple(group, group).map((tail) => [0, 0, 0, 0, 0, 0xffff, ...tail]),
    )
    fc.assert(
      fc.property(groups, fc.nat(), fc.nat(), fc.boolean(), (address, one, other, listed) => {
        const [given, named] = [spelling(address, one), spelling(address, other)]
        const canonical = canonicalAddress(given)
        expect([given, canonical]).toEqual([given, canonicalAddress(named)])
        const range = canonicalAddress(listed ? given : named) ?? ''
        expect(addressMatcher([range])(canonical ?? ''), `${given} in ${named}`).toBe(true)
        const proxied = request('10.0.0.1', `6.6.6.6, ${one % 2 === 0 ? given : `[${given}]:4711`}`)
        expect(clientAddress(proxied, rules(1))).toBe(canonical)
        expect(clientAddress(request(given), rules(0))).toBe(canonical)
      }),
      { numRuns: 2_000 },
    )
  })

  test('who is on both is refused, and who is unknown only where a list says who may come', () => {
    const both = admission({ allowlist: ['192.0.2.0/24'], blocklist: ['192.0.2.7'] })
    expect(['192.0.2.8', '192.0.2.7', '192.0.3.1', 'unknown'].map(both)).toEqual([true, false, false, false])
    expect(admission({ allowlist: undefined, blocklist: ['192.0.2.7'] })('unknown')).toBe(true)
  })
})

/** One of the ways to write an IPv6 address (RFC 4291, section 2.2), chosen by a number. */
function spelling(groups: readonly number[], choice: number): string {
  const bit = (at: number): boolean => ((choice >> at) & 1) === 1
  const hex = groups.map((group) => group.toString(16).padStart(bit(0) ? 4 : 1, '0'))
  const cased = bit(1) ? hex.map((group) => group.toUpperCase()) : hex
  const [high = 0, low = 0] = groups.slice(-2)
  const dotted = [high >> 8, high & 255, low >> 8, low & 255].join('.')
  const parts = bit(2) ? [...cased.slice(0, 6), dotted] : cased
  const runs = [
    ...groups
      .slice(0, bit(2) ? 6 : 8)
      .map((group) => (group === 0 ? '0' : 'x'))
      .join('')
      .matchAll(/0+/g),
  ]
  const run = runs[(choice >> 3) % Math.max(1, runs.length)]
  if (!run || bit(7)) return parts.join(':')
  return `${parts.slice(0, run.index).join(':')}::${parts.slice(run.index + run[0].length).join(':')}`
}
