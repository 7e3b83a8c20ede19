import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openDevWallet } from '#src/lightning/dev/dev-wallet.ts'
import type { Clock } from '#src/ports/clock.ts'
import type { HoldWallet } from '#src/ports/hold-wallet.ts'
import type { InvoiceRequest, PayingWallet } from '#src/ports/wallet.ts'

/** Time that moves only when a test moves it. */
export class HeldClock implements Clock {
  #nowMs = Date.UTC(2030, 0, 1)

  nowMs(): number {
    return this.#nowMs
  }

  monotonicMs(): number {
    return this.#nowMs
  }

  advance(ms: number): void {
    this.#nowMs += ms
  }
}

/** A folder of its own in which development wallets are opened, and opened again. */
export interface DevSetting extends AsyncDisposable {
  readonly folder: string
  readonly file: string
  readonly clock: HeldClock
  open(file?: string): PayingWallet & HoldWallet
}

export async function makeDevSetting(): Promise<DevSetting> {
  const folder = await mkdtemp(join(tmpdir(), 'turnpike-dev-wallet-'))
  const file = join(folder, 'dev.db')
  const clock = new HeldClock()
  return {
    folder,
    file,
    clock,
    open: (other = file) => openDevWallet({ name: 'dev', file: other, clock }),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  }
}

let requests = 0

/** A request of its own kind unless a test says otherwise. */
export function makeRequest(overrides: Partial<InvoiceRequest> = {}): InvoiceRequest {
  return {
    amountMsat: 7_500_001n,
    description: 'voice-clone',
    expirySeconds: 600,
    idempotencyKey: `request ${++requests}`,
    ...overrides,
  }
}

export const deadline = (): AbortSignal => AbortSignal.timeout(10_000)
