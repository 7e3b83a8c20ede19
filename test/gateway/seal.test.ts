import type * as NodeCrypto from 'node:crypto'
import { createDecipheriv, createHmac, randomBytes } from 'node:crypto'
import * as fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import { Sealer, type SealScope } from '#src/gateway/redeem/seal.ts'

const scope: SealScope = {
  preimage: '0a'.repeat(32),
  paymentHash: '0b'.repeat(32),
  epoch: 1,
  salt: Buffer.alloc(16, 12),
  purpose: 'result',
}

const plain = Buffer.from('a result that only its buyer may read')

/** Every key and nonce that node:crypto is given to seal with. */
const used = vi.hoisted((): string[] => [])
vi.mock('node:crypto', async (original) => {
  const crypto = await original<typeof NodeCrypto>()
  return {
    ...crypto,
    createCipheriv: (algorithm: 'aes-256-gcm', key: Buffer, iv: Buffer) => {
      used.push(`${key.toString('hex')} ${iv.toString('hex')}`)
      return crypto.createCipheriv(algorithm, key, iv)
    },
  }
})

describe('a sealed frame', () => {
  test('opens to what it was, for its buyer', () => {
    const anyFrame = fc.property(
      fc.uint8Array({ maxLength: 4096 }),
      fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      fc.boolean(),
      (bytes, seq, last) => {
        const opened = new Sealer(scope).open(seq, new Sealer(scope).seal(seq, last, bytes))
        expect(opened.last).toBe(last)
        expect(opened.plain.equals(bytes)).toBe(true)
      },
    )
    expect(fc.assert(anyFrame)).toBeUndefined()
  })

  test('shows nothing of what it holds', () => {
    const sealed = new Sealer(scope).seal(0, true, plain)
    expect(sealed.includes(plain.subarray(0, 8))).toBe(false)
  })

  const foreign: readonly (readonly [string, Partial<SealScope>])[] = [
    ['another preimage', { preimage: '1a'.repeat(32) }],
    ['another payment', { paymentHash: '1b'.repeat(32) }],
    ['another epoch', { epoch: 2 }],
    ['another salt', { salt: Buffer.alloc(16, 13) }],
    ['another purpose', { purpose: 'request' }],
  ]

  test.for(foreign)('does not open under %s', ([, changes]) => {
    const sealed = new Sealer({ ...scope, ...changes }).seal(3, false, plain)
    expect(opens(new Sealer(scope), sealed)).toBe(false)
  })

  test('does not open in the place of another', () => {
    const sealer = new Sealer(scope)
    for (const seq of [0, 2, 4, 2 ** 31]) expect(opens(sealer, sealer.seal(seq, false, plain))).toBe(false)
  })

  test('does not open with any bit of it changed', () => {
    const sealer = new Sealer(scope)
    for (const last of [false, true]) {
      const sealed = sealer.seal(3, last, plain)
      for (const at of sealed.keys()) {
        for (const bit of [1, 2, 128]) {
          const changed = Buffer.from(sealed)
          changed[at] = (changed[at] ?? 0) ^ bit
          expect([at, bit, opens(sealer, changed)]).toEqual([at, bit, false])
        }
      }
    }
  })

  test('does not open when cut or when anything is added', () => {
    const sealer = new Sealer(scope)
    const sealed = sealer.seal(3, true, plain)
    for (const size of Array.from(sealed).keys()) expect(opens(sealer, sealed.subarray(0, size))).toBe(false)
    expect(opens(sealer, Buffer.concat([sealed, Buffer.from([0])]))).toBe(false)
    expect(opens(sealer, sealed.subarray(1))).toBe(false)
  })
})

describe('the keys of a payment', () => {
  test('and the nonces under them never meet twice, over all frames of all its runs', () => {
    used.length = 0
    for (let epoch = 1; epoch <= 50; epoch++) {
      const sealer = new Sealer({ ...scope, epoch, salt: randomBytes(16) })
      for (let seq = 0; seq < 40; seq++) sealer.seal(seq, seq === 39, plain)
    }
    expect(used).toHaveLength(2_000)
    expect(new Set(used).size).toBe(2_000)
  })

  test('are new with a new salt even if an epoch came a second time, as after a restored backup', () => {
    used.length = 0
    for (let times = 0; times < 50; times++) new Sealer({ ...scope, salt: randomBytes(16) }).seal(0, true, plain)
    expect(new Set(used).size).toBe(50)
  })

  test('are HKDF-SHA256 of the preimage, so that any other reader can open a frame', () => {
    used.length = 0
    const sealed = new Sealer({ ...scope, epoch: 9 }).seal(7, true, plain)
    const { preimage, paymentHash, salt } = scope
    const extracted = createHmac('sha256', Buffer.from(paymentHash, 'hex'))
      .update(Buffer.from(preimage, 'hex'))
      .digest()
    const info = Buffer.concat([Buffer.from('turnpike|result|9|'), salt, Buffer.from([1])])
    const key = createHmac('sha256', extracted).update(info).digest('hex')
    expect(used).toEqual([`${key} ${'00'.repeat(11)}07`])
    const decipher = createDecipheriv(
      'aes-256-gcm',
      Buffer.from(key, 'hex'),
      Buffer.from(`${'00'.repeat(11)}07`, 'hex'),
    )
    decipher.setAAD(Buffer.from(`${paymentHash}000000090000000701`, 'hex'))
    decipher.setAuthTag(sealed.subarray(-16))
    const opened = Buffer.concat([decipher.update(sealed.subarray(1, -16)), decipher.final()])
    expect(opened.equals(plain)).toBe(true)
  })
})

/** Whether it opens as the third frame. */
function opens(sealer: Sealer, sealed: Uint8Array): boolean {
  try {
    sealer.open(3, sealed)
    return true
  } catch {
    return false
  }
}
