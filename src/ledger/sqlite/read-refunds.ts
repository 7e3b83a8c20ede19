import { type Refund, refundOf } from '../refunds.ts'
import { openToLook } from './open.ts'
import { PaymentTable } from './payment-table.ts'

/**
 * Every payment that is owed back or was, read from the file without the gateway.
 * @throws OpenProblem
 */
export function readRefunds(directory: string, nowMs: number): Refund[] {
  const database = openToLook(directory)
  if (!database) return []
  try {
    return new PaymentTable(database).withoutResult().flatMap((record) => refundOf(record, nowMs) ?? [])
  } finally {
    database.close()
  }
}
