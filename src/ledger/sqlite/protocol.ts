import type { ClaimRequest, LedgerErrorCode, LedgerMeta } from '../../ports/ledger.ts'
import type { BookOperations, BookReadings } from './book-operations.ts'
import type { HoldOperations, HoldReadings } from './hold-operations.ts'
import type { Operations, Readings } from './operations.ts'

/** What passes between the ledger's adapter and its two worker threads. */

/**
 * A claim between threads. Copying a small Buffer to another thread copies the whole pool it was cut from, so short
 * bytes travel as hex.
 */
export interface WireClaim extends Omit<ClaimRequest, 'salt'> {
  /** 32 hex digits. */
  readonly salt: string
}

export type Writes = Omit<Operations, 'identity'>
export type WriteName = keyof Writes
export type ReadName = keyof Readings
export type BookWriteName = keyof BookOperations
export type BookReadName = keyof BookReadings
export type HoldWriteName = keyof HoldOperations
export type HoldReadName = keyof HoldReadings

export interface WorkerSettings {
  readonly role: 'writer' | 'reader'
  readonly directory: string
}

/** Operations of one group, in order; they are committed together. */
export interface Group {
  readonly group: number
  readonly operations: readonly { readonly name: string; readonly arguments: readonly unknown[] }[]
}

export type OperationResult =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly code: LedgerErrorCode; readonly message: string }

export type FromWorker =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'open'; readonly meta: LedgerMeta }
  | { readonly kind: 'failed'; readonly code: LedgerErrorCode; readonly message: string }
  | {
      readonly kind: 'done'
      readonly group: number
      readonly results: readonly OperationResult[]
      readonly commitMs: number
    }

export type ToWorker = Group | { readonly close: true }
