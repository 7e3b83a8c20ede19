import { describe, expect, test } from 'vitest'
import { encodeInvoice } from '#src/bolt11/encode.ts'
import { deriveNodeKey, deriveNonce, deriveSecrets, readNonce } from '#src/lightning/dev/derivation.ts'
import { openPaymentFile } from '#src/lightning/dev/payment-file.ts'
import { deadline, makeDevSetting, makeRequest } from './dev-setting.ts'

const seed = Uint8Array.from({ length: 32 }, (_, index) => index)
const otherSeed = Uint8Array.from({ length: 32 }, () => 9)
const nonce = deriveNonce(seed, makeRequest())

describe('the secrets of the development wallet', () => {
  test('stay what they are: changing them would make unpaid invoices worthless', () => {
    const fixed = deriveNonce(seed, { idempotencyKey: 'key', amountMsat: 1000n, description: 'tea' })
    expect({ ...deriveSecrets(seed, fixed), nodeId: deriveNodeKey(seed).nodeId }).toMatchInlineSnapshot(`
      {
        "nodeId": "03c6866e1abd2f20108baaf9411c157c0a4429293f75f28cb96a710bc5274e8627",
        "paymentHash": "799196ec9b3616aa1e0872bc74b60451d3b936f7669d955755a48b897d37df8a",
        "paymentSecret": "01b71daf8998b438150e6c8538ce2329bc60db200f70bc9624df3c58c2cdbc54",
        "preimage": "9d09b5e0800f4d088db5a37d3e6ba5ec7c38de322b03a3fc00430276f202a489",
      }
    `)
  })

  test('carry the nonce in the payment secret, for the holder of the seed only', () => {
    const { paymentSecret } = deriveSecrets(seed, nonce)
    expect(readNonce(seed, paymentSecret)).toEqual(nonce)
    expect(readNonce(otherSeed, paymentSecret)).toBeUndefined()
  })

  test.for([0, 15, 16, 31])('show a payment secret changed in byte %i', (at) => {
    const bytes = Buffer.from(deriveSecrets(seed, nonce).paymentSecret, 'hex')
    bytes[at] = (bytes[at] ?? 0) ^ 1
    expect(readNonce(seed, bytes.toString('hex'))).toBeUndefined()
  })

  test('differ between seeds and between nonces', () => {
    const preimages = [
      deriveSecrets(seed, nonce),
      deriveSecrets(otherSeed, nonce),
      deriveSecrets(seed, deriveNonce(seed, makeRequest())),
    ].map(({ preimage }) => preimage)
    expect(new Set(preimages).size).toBe(3)
  })

  test('are given out for their own payment hash only, even with the own signature', async () => {
    await using setting = await makeDevSetting()
    await using wallet = setting.open()
    using file = openPaymentFile(setting.file)
    const { paymentSecret } = deriveSecrets(file.seed, nonce)
    const bolt11 = encodeInvoice(
      {
        network: 'bcrt',
        amountMsat: 1n,
        description: '',
        paymentHash: 'aa'.repeat(32),
        paymentSecret,
        timestamp: setting.clock.nowMs() / 1000,
        expirySeconds: 600,
      },
      deriveNodeKey(file.seed).secretKey,
    )
    await expect(wallet.pay(bolt11, deadline())).rejects.toMatchObject({ code: 'rejected' })
  })
})
