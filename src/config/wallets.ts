import { X509Certificate } from 'node:crypto'
import { z } from 'zod'
import { devWalletOptions } from '../lightning/dev/options.ts'
import { filePath, slug } from './scalars.ts'

/**
 * The wallets: one block each, described with the command that makes the least-privileged credential for it. No message
 * here repeats a value, since most of them are secrets.
 */

/** The name an operator knows → the prefix of BOLT11 invoices. */
const networkPrefix = { mainnet: 'bc', testnet: 'tb', signet: 'tbs', regtest: 'bcrt' } as const

const network = z
  .enum(['mainnet', 'testnet', 'signet', 'regtest'])
  .transform((name) => networkPrefix[name])
  .describe('The network the wallet must be on; on any other the gateway does not start')
  .optional()

/** Base of an API. A slash at the end makes no difference. */
const apiUrl = z
  .string({ error: 'write a URL, such as `http://127.0.0.1:9740`' })
  .meta({ title: 'URL', pattern: '^https?://|\\$\\{' })
  .superRefine((text, context) => {
    if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) {
      context.addIssue('is not a URL; write for example `http://127.0.0.1:9740`')
      return
    }
    const { username, password, search, hash } = new URL(text)
    if (username !== '' || password !== '') {
      context.addIssue('may have no user and password in it; the credential has a key of its own')
    }
    if (search !== '' || hash !== '') context.addIssue('may have no query or fragment')
  })
  .transform((text) => text.replace(/\/+$/, ''))

const asText = (key: string) => z.string({ error: `write it as text, or name its file with \`${key}_file\`` })

/** The header that carries it can hold nothing else. */
const secret = (key: string) =>
  asText(key).regex(/^[\x21-\x7e]+$/, 'must be printable ASCII without spaces, and not empty')

const hostAndPort = z
  .string({ error: 'write host and port, such as `localhost:10009`' })
  .regex(
    /^(?:[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}$/,
    'is not host and port; write for example `localhost:10009`, without `https://`',
  )
  .meta({ title: 'address', examples: ['localhost:10009'] })

/** PEM as it is, or the whole file as hex or base64 → PEM. */
const certificates = z.string().transform((written, context) => {
  const pem = decodeText(written.trim(), (bytes) => bytes.includes('-----BEGIN CERTIFICATE-----'))
  try {
    if (pem === undefined) throw new Error('no certificate')
    void new X509Certificate(pem)
    return pem.toString()
  } catch {
    context.addIssue('is no certificate; give a PEM file such as the `tls.cert` of lnd, as it is or as hex or base64')
    return z.NEVER
  }
})

/** Hex or base64 → lower-case hex. Every macaroon of lnd is in the binary format that begins with the byte 2. */
const macaroon = asText('macaroon').transform((written, context) => {
  const bytes = decodeText(written.trim(), (candidate) => candidate[0] === 2 && candidate.length > 32)
  if (bytes) return bytes.toString('hex')
  context.addIssue('is no macaroon; give the file that `lncli bakemacaroon` wrote, as it is or as hex or base64')
  return z.NEVER
})

/** The text itself, or what it says in hex or base64: whichever is good. */
function decodeText(text: string, isGood: (bytes: Buffer) => boolean): Buffer | undefined {
  const candidates = [Buffer.from(text)]
  if (/^(?:[0-9a-f]{2})+$/i.test(text)) candidates.unshift(Buffer.from(text, 'hex'))
  if (/^[A-Za-z0-9+/_\s-]+={0,2}$/.test(text)) candidates.push(Buffer.from(text, 'base64'))
  return candidates.find(isGood)
}

const connection = asText('uri')
  .superRefine((uri, context) => {
    const query = /^nostr\+walletconnect:(?:\/\/)?[0-9a-f]{64}\?(.+)$/i.exec(uri)?.[1]
    const parts = new URLSearchParams(query ?? '')
    if (query === undefined) {
      context.addIssue('is no connection string; it begins with `nostr+walletconnect://` and the key of the wallet')
    } else if (!/^wss?:\/\//.test(parts.get('relay') ?? '')) {
      context.addIssue('names no relay: `relay=wss://…` is missing; copy the whole string')
    } else if (!/^[0-9a-f]{64}$/i.test(parts.get('secret') ?? '')) {
      context.addIssue('has no secret of 64 hex digits in it; copy the whole string')
    }
  })
  .meta({ title: 'connection string' })

const lnd = z.strictObject({
  address: hostAndPort.describe(
    'Where its gRPC listens; a host name that its certificate has, such as `localhost`, rather than an IP address',
  ),
  tls_cert: certificates
    .meta({ title: 'certificate' })
    .describe('Its `tls.cert`, as PEM, hex or base64; left out where an authority known to the system signed it')
    .optional(),
  tls_cert_file: filePath.optional(),
  macaroon: macaroon
    .meta({ title: 'macaroon' })
    .describe(
      'As hex or base64; as a file also as it is. It needs three rights: `lncli bakemacaroon --save_to turnpike.macaroon uri:/lnrpc.Lightning/AddInvoice uri:/lnrpc.Lightning/LookupInvoice uri:/lnrpc.Lightning/SubscribeInvoices`. To charge on delivery it needs five more: `uri:/invoicesrpc.Invoices/AddHoldInvoice uri:/invoicesrpc.Invoices/LookupInvoiceV2 uri:/invoicesrpc.Invoices/SubscribeSingleInvoice uri:/invoicesrpc.Invoices/SettleInvoice uri:/invoicesrpc.Invoices/CancelInvoice`',
    ),
  macaroon_file: filePath.optional(),
  private_channels: z
    .boolean()
    .describe('Name unannounced channels in invoices; needed only where all channels are unannounced')
    .default(false),
  network,
})

/** The private authority of a wallet that is called over HTTPS. */
const authority = (description: string) => ({
  ca: certificates.meta({ title: 'certificate' }).describe(description).optional(),
  ca_file: filePath.optional(),
})

const ownAuthority = 'Of the authority that signed its certificate, where that is a private one'

const phoenixd = z.strictObject({
  url: apiUrl.describe('Where it listens, such as `http://127.0.0.1:9740`'),
  password: secret('password').describe(
    'The `http-password-limited-access` of its `phoenix.conf`, which can receive and not spend; never `http-password`',
  ),
  password_file: filePath.optional(),
  ...authority(ownAuthority),
  network,
})

const cln = z.strictObject({
  url: apiUrl.describe('Where its `clnrest` plugin listens, such as `https://localhost:3010`'),
  rune: secret('rune').describe(
    'Made with `lightning-cli createrune restrictions=\'[["method=invoice","method=listinvoices","method=waitanyinvoice"],["rate=600"]]\'`',
  ),
  rune_file: filePath.optional(),
  ...authority('Its `ca.pem`; left out where an authority known to the system signed the certificate'),
  network,
})

const nwc = z.strictObject({
  uri: connection.describe(
    'The connection string `nostr+walletconnect://…` of a receive-only connection: `get_info`, `make_invoice`, `lookup_invoice` and notifications, no `pay_invoice`; to charge on delivery also `make_hold_invoice`, `settle_hold_invoice` and `cancel_hold_invoice`',
  ),
  uri_file: filePath.optional(),
  network,
})

const lightningAddress = z.strictObject({
  address: z
    .string()
    .regex(
      /^[a-z0-9._+-]+@[a-z0-9.-]+(?::[0-9]{1,5})?$/,
      'is no lightning address; write for example `shop@example.com`',
    )
    .describe('`name@domain`: nothing runs here, and no credential is needed'),
  require_verify: z
    .boolean()
    .describe('Start only if its provider tells whether an invoice is paid (LUD-21)')
    .default(false),
  network,
})

const lnbits = z.strictObject({
  url: apiUrl.describe('Where it runs, such as `https://lnbits.example.com`'),
  key: secret('key').describe('The invoice/read key of the wallet; never its admin key'),
  key_file: filePath.optional(),
  ...authority(ownAuthority),
  network,
})

const btcpay = z.strictObject({
  url: apiUrl.describe('Where it runs, such as `https://btcpay.example.com`'),
  store: z
    .string()
    .regex(/^[A-Za-z0-9]{1,64}$/, 'is no store id, which is made of letters and digits')
    .describe('Id of the store, from Settings → General'),
  token: secret('token').describe(
    'An API key with `btcpay.store.cancreatelightninginvoice` and `btcpay.store.canviewlightninginvoice` of that store only',
  ),
  token_file: filePath.optional(),
  ...authority(ownAuthority),
  crypto: z
    .string()
    .regex(/^[A-Z]{2,10}$/, 'is no currency code; write `BTC`')
    .describe('Currency of its Lightning node')
    .default('BTC'),
  network,
})

export const walletKinds = ['lnd', 'phoenixd', 'cln', 'nwc', 'lightning_address', 'lnbits', 'btcpay', 'dev'] as const

export const oneWallet = z
  .strictObject({
    name: slug.describe('Its name in the ledger; default: its kind').optional(),
    mint_per_minute: z
      .int()
      .min(1)
      .max(100_000)
      .describe('Invoices a minute that its provider allows; more are asked of the next wallet, or get 503')
      .optional(),
    lnd: lnd.describe('lnd, over gRPC').optional(),
    phoenixd: phoenixd.describe('phoenixd, over HTTP').optional(),
    cln: cln.describe('Core Lightning, over its `clnrest` plugin').optional(),
    nwc: nwc.describe('Any wallet that speaks Nostr Wallet Connect').optional(),
    lightning_address: lightningAddress.describe('A lightning address').optional(),
    lnbits: lnbits
      .describe('LNbits. Others may read preimages of its unpaid invoices, so every payment is confirmed with it first')
      .optional(),
    btcpay: btcpay.describe('The Lightning node of a BTCPay Server store, over its Greenfield API').optional(),
    dev: devWalletOptions.describe('The embedded development wallet: signs real invoices, moves no money').optional(),
  })
  .superRefine((wallet, context) => {
    const kinds = Object.keys(wallet).filter((key) => key !== 'name' && key !== 'mint_per_minute')
    if (kinds.length !== 1) {
      context.addIssue(`give exactly one kind of wallet, such as \`dev: {}\`: ${walletKinds.join(', ')}`)
    }
  })

export const walletList = z
  .union([z.literal('dev'), oneWallet, z.array(oneWallet).min(1)], {
    error: 'write `dev`, a wallet such as `{ name: main, dev: {} }`, or a list of wallets',
  })
  .describe('Where the money goes: `dev`, one wallet, or a list in failover order')
