import type * as NodeCrypto from 'node:crypto'
import { randomBytes } from 'node:crypto'
import * as fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { Sealer } from '#src/gateway/redeem/seal.ts'
import { openOnce, sealOnce } from '#src/gateway/redeem/seal-once.ts'
import { openRequest, type StoredRequest, sealRequest } from '#src/gateway/redeem/stored-request.ts'

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

const payment = { preimage: '0a'.repeat(32), paymentHash: '0b'.repeat(32) }
const purposes = ['request', 'upstream'] as const
const isOpened = (open: () => unknown): boolean => {
  try {
    open()
    return true
  } catch {
    return false
  }
}

test('no key and nonce are ever used twice, whatever is sealed how often for one payment', () => {
  used.splice(0)
  let sealed = 0
  const anySeals = fc.property(
    fc.array(fc.record({ purpose: fc.constantFrom(...purposes, 'result'), text: fc.uint8Array({ maxLength: 64 }) })),
    (seals) => {
      for (const { purpose, text } of seals) {
        sealed++
        if (purpose !== 'result') sealOnce({ ...payment, purpose }, text, randomBytes)
        // A run of this payment, whose salt is drawn in the same way.
        else new Sealer({ ...payment, purpose, epoch: sealed, salt: randomBytes(16) }).seal(0, true, text)
      }
    },
  )
  fc.assert(anySeals)
  expect(sealed).toBeGreaterThan(300)
  expect(used).toHaveLength(sealed)
  expect(new Set(used).size).toBe(sealed)
})

test('what is sealed opens for its payment and purpose alone, and only unchanged', () => {
  const scope = { ...payment, purpose: 'request' } as const
  const sealed = sealOnce(scope, Buffer.from('a request'), randomBytes)
  expect(String(openOnce(scope, sealed))).toBe('a request')
  expect(isOpened(() => openOnce({ ...scope, purpose: 'upstream' }, sealed))).toBe(false)
  expect(isOpened(() => openOnce({ ...scope, preimage: '1a'.repeat(32) }, sealed))).toBe(false)
  expect(isOpened(() => openOnce({ ...scope, paymentHash: '1b'.repeat(32) }, sealed))).toBe(false)
  for (let at = 0; at < sealed.length; at++) {
    const changed = Buffer.from(sealed)
    changed[at] = (changed[at] ?? 0) ^ 1
    expect(isOpened(() => openOnce(scope, changed))).toBe(false)
  }
  expect(isOpened(() => openOnce(scope, sealed.subarray(0, 20)))).toBe(false)
})

test('a stored request is the request, without the credential', () => {
  const rawHeaders = ['Content-Type', 'application/json', 'Authorization', 'L402 token:preimage', 'X-Style', 'ink']
  const request: StoredRequest = {
    target: { path: '/make', query: 'a=1', host: 'example.com' },
    method: 'POST',
    binding: { method: 'POST', path: '/make', querySha256: '1', bodyForm: 'raw', bodySha256: '2' },
    parts: {
      query: 'a=1',
      mediaType: { essence: 'application/json', parameters: new Map() },
      body: Buffer.from([0, 255, 10, 13]),
    },
    client: { rawHeaders, address: '127.0.0.1', host: 'example.com', scheme: 'http' },
  }
  const others = ['Content-Type', 'application/json', 'X-Style', 'ink']
  const sealed = sealRequest({ random: randomBytes }, payment, request)
  expect(openRequest(payment, sealed)).toEqual({ ...request, client: { ...request.client, rawHeaders: others } })
})
