import { createHmac, hkdfSync } from 'node:crypto'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { hkdfSha256, hmacSha256 } from '#src/l402/hmac.ts'

test.for([
  [
    'RFC 4231, case 1',
    '0b'.repeat(20),
    '4869205468657265',
    'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7',
  ],
  [
    'RFC 4231, case 2',
    '4a656665',
    '7768617420646f2079612077616e7420666f72206e6f7468696e673f',
    '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
  ],
  [
    'RFC 4231, case 6: a key longer than a block',
    'aa'.repeat(131),
    '54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d2048617368204b6579204669727374',
    '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54',
  ],
] as const)('HMAC-SHA256 gives what %s says', ([, key, data, mac]) => {
  expect(hmacSha256(Buffer.from(key, 'hex'), Buffer.from(data, 'hex')).toString('hex')).toBe(mac)
})

test('HMAC-SHA256 is that of node:crypto for keys and data of every length', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 140, size: 'max' }),
      fc.uint8Array({ maxLength: 300, size: 'max' }),
      (key, data) => {
        expect(hmacSha256(key, data)).toEqual(createHmac('sha256', key).update(data).digest())
      },
    ),
  )
})

test.for([0, 63, 64, 65])('HMAC-SHA256 with a key of %d bytes is that of node:crypto', (length) => {
  const key = Buffer.alloc(length, 0xc3)
  expect(hmacSha256(key, Buffer.from('data'))).toEqual(createHmac('sha256', key).update('data').digest())
})

test('HKDF-SHA256 is that of node:crypto for every secret, salt and info', () => {
  const bytes = (maxLength: number) => fc.uint8Array({ maxLength, size: 'max' })
  fc.assert(
    fc.property(bytes(100), bytes(100), bytes(200), (secret, salt, info) => {
      expect(hkdfSha256(secret, salt, info)).toEqual(Buffer.from(hkdfSync('sha256', secret, salt, info, 32)))
    }),
  )
})
