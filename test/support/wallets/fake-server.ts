import type { FakeHttp, FakeRequest, Fault } from './fake-http.ts'
import type { FakeNode, NodeLie } from './fake-node.ts'
import type { Breakage, FakeWalletServer, Lie } from './subject.ts'

interface HttpFake extends AsyncDisposable {
  readonly node: FakeNode
  readonly http: FakeHttp
  settle(paymentHash: string): string
}

export interface FakeServerOptions {
  readonly fake: HttpFake
  readonly makesInvoice: (request: FakeRequest) => boolean
  readonly refusal: { readonly status: number; readonly body: unknown }
  readonly credentials: readonly string[]
  readonly stop?: () => Promise<void>
}

const lies: Readonly<Record<Lie, NodeLie>> = {
  amount: { amountMsat: 123_000n },
  hash: { paymentHash: 'cd'.repeat(32) },
  expiry: { expirySeconds: 1 },
  network: { network: 'bc' },
}

/** A fake over HTTP as the conformance suite drives it. */
export function asFakeServer(options: FakeServerOptions): FakeWalletServer {
  const { fake, makesInvoice, refusal, credentials } = options
  const { http, node } = fake
  const faults: Readonly<Record<Exclude<Breakage, 'half-open'>, Fault>> = {
    '401': { kind: 'status', ...refusal },
    '429': { kind: 'status', status: 429, headers: { 'retry-after': '7' }, body: 'Too Many Requests' },
    '5xx': { kind: 'status', status: 502, body: '<html>Bad Gateway</html>' },
    hang: { kind: 'hang' },
    garbage: { kind: 'garbage' },
  }
  return {
    settle: async (paymentHash) => fake.settle(paymentHash),
    expire: (paymentHash) => node.expire(paymentHash),
    breakWith(breakage) {
      http.killLink(breakage === 'half-open')
      http.fail(breakage === undefined || breakage === 'half-open' ? undefined : faults[breakage])
    },
    lie(lie) {
      node.lie = lie && lies[lie]
    },
    loseNextReply: () => http.fail({ kind: 'lose_reply' }, 1, makesInvoice),
    stop: () => (options.stop ? options.stop() : http.stop()),
    start: async () => void (await http.start()),
    invoices: () => node.invoices.size,
    connections: () => http.openSockets,
    secrets: () => [
      ...credentials,
      ...[...node.invoices.values()].flatMap(({ preimage, bolt11 }) => [preimage, bolt11]),
    ],
    [Symbol.asyncDispose]: () => fake[Symbol.asyncDispose](),
  }
}

/** A port of the loopback where nothing listens. */
export const nobody = 'http://localhost:1'
