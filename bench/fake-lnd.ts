import { randomBytes } from 'node:crypto'
import { bech32 } from '@scure/base'
import { encodeInvoice } from '#src/bolt11/encode.ts'
import { FakeLnd } from '../test/support/wallets/fake-lnd.ts'
import { lndTls } from '../test/support/wallets/lnd.ts'
import { report } from './child.ts'

/**
 * An lnd that answers at once: real gRPC and TLS, and no time spent on signing. `node bench/fake-lnd.ts <macaroon hex>
 * <msat>`; every invoice is over that amount, with the payment hash that was asked for.
 */
const [macaroon = '', msat = '0'] = process.argv.slice(2)
const markedHash = 'a5'.repeat(32)
const template = encodeInvoice(
  {
    network: 'bcrt',
    amountMsat: BigInt(msat),
    description: 'paid',
    paymentHash: markedHash,
    paymentSecret: randomBytes(32).toString('hex'),
    timestamp: Math.floor(Date.now() / 1000),
    expirySeconds: 86_400,
  },
  randomBytes(32),
)
const { prefix, words } = bech32.decode(template as `${string}1${string}`, false)
const marked = bech32.toWords(Buffer.from(markedHash, 'hex'))
const at = words.findIndex((_, from) => marked.every((word, index) => words[from + index] === word))
if (at < 0) throw new Error('the payment hash is not in the invoice')

const fake = await FakeLnd.open({
  ...lndTls(),
  macaroons: new Map([[macaroon, ['invoices:read', 'invoices:write']]]),
  cannedInvoice(paymentHash) {
    bech32.toWords(Buffer.from(paymentHash, 'hex')).forEach((word, index) => (words[at + index] = word))
    return bech32.encode(prefix, words, false)
  },
})
// What is measured makes some 100,000 of them and asks for none again.
setInterval(() => fake.invoices.clear(), 200).unref()
report(fake.port)
