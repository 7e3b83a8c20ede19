import { expect } from 'vitest'
import type { Refund } from '#src/ledger/refunds.ts'
import { readRefunds } from '#src/ledger/sqlite/read-refunds.ts'
import { openReports } from '#src/ledger/sqlite/reports.ts'
import { paid, payFor, send } from './buyer.ts'
import { TestClock } from './clock.ts'
import { openGateway, type TestGateway } from './gateway.ts'
import { aRequest, makeShop, rowIn } from './shop.ts'
import { type Answer, openUpstream } from './upstream.ts'

export const day = 24 * 3_600_000
export const other = { ...aRequest, body: { prompt: 'a dog' } }

/** A shop whose upstream answers so, with a payment for it that was not presented yet. */
export async function openOwing(answer: Answer, lines: readonly string[] = ['attempts: 1'], top = '') {
  const clock = new TestClock(Date.now())
  const upstream = await openUpstream(answer)
  const gateway = await openGateway({ config: `${top}\n${makeShop(upstream.url, lines)}`, clock })
  const payment = await payFor(gateway, aRequest)
  return {
    clock,
    upstream,
    gateway,
    payment,
    mine: () => send(gateway, paid(aRequest, payment)),
    row: async () => {
      const row = await rowIn(gateway, payment)
      if (!row) throw new Error('the payment was not presented')
      return row
    },
    due: () => dueIn(gateway.dataDir, clock.nowMs()),
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]()
      await upstream[Symbol.asyncDispose]()
    },
  }
}

/** What is owed or was, which the list of payments calls by the same name. */
export function dueIn(dataDir: string, nowMs: number): Refund[] {
  const refunds = readRefunds(dataDir, nowMs)
  using reports = openReports(dataDir)
  const listed = reports?.payments(0, nowMs, ['refundable'], 100).map(({ reference }) => reference)
  const open = refunds.filter(({ closed }) => closed === undefined)
  expect(listed?.toSorted()).toEqual(open.map(({ reference }) => reference).toSorted())
  return refunds
}

/** Asks the operator's listener. */
export async function command(gateway: TestGateway, path: string, body: unknown = {}) {
  const answer = await fetch(`${gateway.adminUrl}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  return [answer.status, (await answer.json()) as { kind?: string; text?: string; error?: string }] as const
}

export const mark = (gateway: TestGateway, reference: string) =>
  command(gateway, `/refunds/${reference}/mark`, { note: 'sent back' })
export const reopen = (gateway: TestGateway, reference: string, body = {}) =>
  command(gateway, `/refunds/${reference}/reopen`, body)
export const revoke = (gateway: TestGateway, reference: string) => command(gateway, `/payments/${reference}/revoke`)

export const told = (answer: Awaited<ReturnType<typeof send>>) => {
  const { code, payment } = answer.json()
  return [answer.status, code, payment.status, payment.action, payment.reference]
}
