import type { JobRecord, PaymentRecord } from '#src/ports/ledger.ts'

/** The moment that the tests of the redemption look from. */
export const now = Date.UTC(2027, 0, 1)
export const second = 1_000
export const minute = 60 * second
export const hour = 60 * minute
export const day = 24 * hour

/** A payment's row, made an hour ago for a token with a day to live, whose frames are kept for a day. */
export function makeRecord(
  job: Partial<JobRecord> = {},
  payment: Partial<Omit<PaymentRecord, 'job'>> = {},
): PaymentRecord {
  return {
    paymentHash: '11'.repeat(32),
    state: 'settled',
    service: 'make',
    wallet: 'dev',
    priceMsat: 7_000n,
    mintedExpiry: (now + 23 * hour) / second,
    createdAtMs: now - hour,
    refund: undefined,
    ...payment,
    job: {
      id: 'ab'.repeat(16),
      requestHash: '22'.repeat(32),
      rev: '0123456789abcdef',
      rebound: false,
      state: 'captured',
      epoch: 1,
      generation: 0,
      attempts: 0,
      failures: 0,
      retryAtMs: 0,
      lastCode: undefined,
      shown: false,
      salt: Buffer.alloc(16, 3),
      finishedAtMs: now - 30 * minute,
      keepUntilMs: now + day,
      firstDeliveredAtMs: undefined,
      pruned: false,
      resultBytes: 5,
      ...job,
    },
  }
}
