import type { ConfigPath } from './problem.ts'
import type { TopInput } from './schema.ts'

interface AnyWallet {
  /** The operator's name for it. */
  readonly name: string
  /** Instead of what the adapter knows of its provider. */
  readonly mintPerMinute: number | undefined
  /** Where it stands in the file. */
  readonly path: ConfigPath
}

interface RealWallet extends AnyWallet {
  /** The prefix of the network it must be on, as BOLT11 writes it; undefined: any. */
  readonly network: 'bc' | 'tb' | 'tbs' | 'bcrt' | undefined
}

export interface LndConfig extends RealWallet {
  readonly kind: 'lnd'
  /** `host:port` */
  readonly address: string
  /** PEM; undefined: the authorities that the system trusts. */
  readonly tlsCert: string | undefined
  /** Lower-case hex. Secret. */
  readonly macaroon: string
  readonly privateChannels: boolean
}

export interface PhoenixdConfig extends RealWallet {
  readonly kind: 'phoenixd'
  /** Without a slash at the end; so are all URLs here. */
  readonly url: string
  /** Secret. */
  readonly password: string
  /** PEM; undefined: the authorities that the system trusts. */
  readonly ca: string | undefined
}

export interface ClnConfig extends RealWallet {
  readonly kind: 'cln'
  readonly url: string
  /** Secret. */
  readonly rune: string
  /** PEM; undefined: the authorities that the system trusts. */
  readonly ca: string | undefined
}

export interface NwcConfig extends RealWallet {
  readonly kind: 'nwc'
  /** `nostr+walletconnect://…`. Secret. */
  readonly uri: string
}

export interface LightningAddressConfig extends RealWallet {
  readonly kind: 'lightning_address'
  /** `name@domain` */
  readonly address: string
  readonly requireVerify: boolean
}

export interface LnbitsConfig extends RealWallet {
  readonly kind: 'lnbits'
  readonly url: string
  /** Secret. */
  readonly key: string
  /** PEM; undefined: the authorities that the system trusts. */
  readonly ca: string | undefined
}

export interface BtcpayConfig extends RealWallet {
  readonly kind: 'btcpay'
  readonly url: string
  readonly store: string
  /** Secret. */
  readonly token: string
  /** PEM; undefined: the authorities that the system trusts. */
  readonly ca: string | undefined
  readonly crypto: string
}

export interface DevWalletConfig extends AnyWallet {
  readonly kind: 'dev'
}

/** A wallet as it is configured. Holds secrets: never print one whole. */
export type WalletConfig =
  | LndConfig
  | PhoenixdConfig
  | ClnConfig
  | NwcConfig
  | LightningAddressConfig
  | LnbitsConfig
  | BtcpayConfig
  | DevWalletConfig

type WalletInput = Exclude<TopInput['lightning']['wallet'], 'dev' | readonly unknown[]>

/** The configured wallets in failover order. */
export function readWallets(
  input: TopInput['lightning']['wallet'],
  onProblem: (path: ConfigPath, message: string) => void,
): WalletConfig[] {
  const path = ['lightning', 'wallet']
  if (input === 'dev') return [{ name: 'dev', kind: 'dev', mintPerMinute: undefined, path }]
  const wallets = Array.isArray(input)
    ? input.flatMap((wallet, index) => readWallet(wallet, [...path, index]) ?? [])
    : [readWallet(input, path)].filter((wallet) => wallet !== undefined)
  const names = new Set<string>()
  for (const { name, path: at } of wallets) {
    if (names.has(name)) onProblem(at, `another wallet has the name \`${name}\` too; give each a \`name\` of its own`)
    names.add(name)
  }
  return wallets
}

/** Undefined where no kind is given, which the schema has reported. */
function readWallet(input: WalletInput, path: ConfigPath): WalletConfig | undefined {
  const named = (kind: string) => ({ name: input.name ?? kind, mintPerMinute: input.mint_per_minute, path })
  if (input.lnd) {
    const { address, tls_cert, macaroon, private_channels, network } = input.lnd
    const rest = { address, tlsCert: tls_cert, macaroon, privateChannels: private_channels, network }
    return { ...named('lnd'), kind: 'lnd', ...rest }
  }
  if (input.phoenixd) {
    const { url, password, ca, network } = input.phoenixd
    return { ...named('phoenixd'), kind: 'phoenixd', url, password, ca, network }
  }
  if (input.cln) {
    const { url, rune, ca, network } = input.cln
    return { ...named('cln'), kind: 'cln', url, rune, ca, network }
  }
  if (input.nwc) {
    const { uri, network } = input.nwc
    return { ...named('nwc'), kind: 'nwc', uri, network }
  }
  if (input.lightning_address) {
    const { address, require_verify, network } = input.lightning_address
    return { ...named('lightning-address'), kind: 'lightning_address', address, requireVerify: require_verify, network }
  }
  if (input.lnbits) {
    const { url, key, ca, network } = input.lnbits
    return { ...named('lnbits'), kind: 'lnbits', url, key, ca, network }
  }
  if (input.btcpay) {
    const { url, store, token, crypto, ca, network } = input.btcpay
    return { ...named('btcpay'), kind: 'btcpay', url, store, token, crypto, ca, network }
  }
  if (input.dev) return { ...named('dev'), kind: 'dev' }
  return undefined
}
