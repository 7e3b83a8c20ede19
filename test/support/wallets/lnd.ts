import { readFileSync } from 'node:fs'
import { status } from '@grpc/grpc-js'
import { openLndWallet } from '#src/lightning/lnd/lnd-wallet.ts'
import { systemClock } from '#src/ports/clock.ts'
import { FakeLnd, type FakeLndOptions } from './fake-lnd.ts'
import type { LndRow } from './fake-lnd-holds.ts'
import { Link } from './link.ts'
import { bakedRights, bakeMacaroon } from './lnd-macaroon.ts'
import type { Breakage, FakeWalletServer, SetupFault, WalletSubject, WalletUnderTest } from './subject.ts'

const file = (name: string): string => readFileSync(new URL(`./tls/${name}`, import.meta.url), 'utf8')

/** The certificates of two nodes, as lnd makes them. */
export const lndTls = () => ({ key: file('lnd-key.pem'), cert: file('lnd.pem'), otherCert: file('other-lnd.pem') })

export interface LndSubject extends WalletSubject {
  readonly fake: FakeWalletServer & { readonly lnd: FakeLnd }
  readonly settings: LndSettings
}

export interface LndSettings {
  readonly address: string
  readonly tlsCert: string
  readonly macaroon: string
}

export async function makeLndSubject(
  options: { readonly rights?: readonly string[] } & Partial<FakeLndOptions> = {},
): Promise<LndSubject> {
  const { key, cert, otherCert } = lndTls()
  const rights = options.rights ?? bakedRights
  const macaroon = bakeMacaroon(rights)
  const lnd = await FakeLnd.open({ key, cert, macaroons: new Map([[macaroon, rights]]), ...options })
  const link = new Link(lnd.port)
  await link.start()
  const settings = { address: `localhost:${link.port}`, tlsCert: cert, macaroon }
  const open = async (changes: Partial<Parameters<typeof openLndWallet>[0]> = {}) =>
    openLndWallet({ name: 'lnd', ...settings, privateChannels: false, network: 'bcrt', clock: systemClock, ...changes })
  const faults: Readonly<Record<SetupFault, () => Parameters<typeof open>[0]>> = {
    credential: () => ({ macaroon: bakeMacaroon(bakedRights) }),
    certificate: () => ({ tlsCert: otherCert }),
    network: () => ({ network: 'bc' }),
    unreachable: () => ({ address: 'localhost:1' }),
  }
  return {
    settings,
    fake: fakeServer(lnd, link, macaroon),
    open,
    openWith: (fault) => open(faults[fault]()),
    async [Symbol.asyncDispose]() {
      await link[Symbol.asyncDispose]()
      await lnd[Symbol.asyncDispose]()
    },
  }
}

function fakeServer(lnd: FakeLnd, link: Link, macaroon: string): LndSubject['fake'] {
  return {
    lnd,
    async settle(paymentHash) {
      return lnd.settle(paymentHash)
    },
    expire: (paymentHash) => lnd.expire(paymentHash),
    breakWith(breakage) {
      lnd.trouble = troubleOf(breakage)
      link.become(breakage === 'half-open' ? 'dead' : breakage === 'garbage' ? 'garbage' : 'good')
    },
    lie(lie) {
      lnd.lie = lie
    },
    loseNextReply() {
      lnd.beforeReply = () => {
        lnd.beforeReply = undefined
        link.cut()
      }
    },
    stop: () => link.stop(),
    start: () => link.start(),
    invoices: () => lnd.invoices.size,
    connections: () => link.connections,
    secrets: () => [
      macaroon,
      ...[...lnd.invoices.values()].flatMap((row) => [...preimageOf(row), row.payment_request]),
    ],
    [Symbol.asyncDispose]: () => lnd[Symbol.asyncDispose](),
  }
}

/** lnd does not know that of a hold invoice before it is settled. */
const preimageOf = ({ r_preimage }: LndRow): string[] => (r_preimage.length > 0 ? [r_preimage.toString('hex')] : [])

function troubleOf(breakage: Breakage | undefined): FakeLnd['trouble'] {
  switch (breakage) {
    case '401':
      return { code: status.UNKNOWN, details: 'verification failed: signature mismatch after caveat verification' }
    case '429':
      return { code: status.RESOURCE_EXHAUSTED, details: 'too many requests' }
    case '5xx':
      return { code: status.UNAVAILABLE, details: 'upstream connect error' }
    case 'hang':
      return 'hang'
    default:
      return undefined
  }
}

export const lndUnderTest: WalletUnderTest = { kind: 'lnd', make: () => makeLndSubject(), lacks: {} }
