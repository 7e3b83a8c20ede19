import type { HeldPayment, HoldLimits, HoldOffer, Holds } from '../../ports/holds.ts'
import type { HoldReadName, HoldWriteName } from './protocol.ts'
import type { WorkerClient } from './worker-client.ts'

/** The held payments of a ledger, through the ledger's threads. */
export class SqliteHolds implements Holds {
  readonly #writer: WorkerClient
  readonly #reader: WorkerClient

  constructor(writer: WorkerClient, reader: WorkerClient) {
    this.#writer = writer
    this.#reader = reader
  }

  offer(offer: HoldOffer, limits: HoldLimits): Promise<'offered' | 'full' | 'client_full'> {
    return this.#write('offerHold', offer, limits)
  }

  offers(): Promise<HoldOffer[]> {
    return this.#read('holdOffers')
  }

  withdraw(paymentHash: string): Promise<void> {
    return this.#write('withdrawHold', paymentHash)
  }

  accept(paymentHash: string, jobId: string, resultTtlMs: number, nowMs: number): Promise<boolean> {
    return this.#write('acceptHold', paymentHash, jobId, resultTtlMs, nowMs)
  }

  decideToSettle(paymentHash: string, by: 'result' | 'patience'): Promise<boolean> {
    return this.#write('decideToSettle', paymentHash, by)
  }

  decideToCancel(paymentHash: string): Promise<boolean> {
    return this.#write('decideToCancel', paymentHash)
  }

  conclude(paymentHash: string, state: 'settled' | 'cancelled', nowMs: number): Promise<boolean> {
    return this.#write('concludeHold', paymentHash, state, nowMs)
  }

  noteTaken(paymentHash: string, nowMs: number): Promise<boolean> {
    return this.#write('noteHoldTaken', paymentHash, nowMs)
  }

  undecided(): Promise<HeldPayment[]> {
    return this.#read('undecidedHolds')
  }

  /** The worker returns what its operations return under this name. */
  #write<T>(name: HoldWriteName, ...args: readonly unknown[]): Promise<T> {
    return this.#writer.run(name, ...args) as Promise<T>
  }

  #read<T>(name: HoldReadName, ...args: readonly unknown[]): Promise<T> {
    return this.#reader.run(name, ...args) as Promise<T>
  }
}
