import { expect, vi } from 'vitest'
import { type Answered, type Payment, paid, type Sent, send } from './buyer.ts'
import type { TestGateway } from './gateway.ts'

// These tests wait for work to be done, on a machine that may have much else to do.
vi.setConfig({ testTimeout: 20_000 })

/** A status document. */
export interface JobDocument {
  readonly id: string
  readonly service: string
  readonly state: string
  readonly runs: number
  readonly payment: { readonly status: string; readonly action: string; readonly reference?: string }
  readonly error?: { readonly code: string }
  readonly createdAt: string
  readonly finishedAt?: string
  readonly expiresAt?: string
  readonly retryAfterSeconds?: number
  readonly links: { readonly self: string; readonly result: string }
}

export const documentOf = (answer: Answered): JobDocument => answer.json() as unknown as JobDocument

/** Sends the paid request without waiting for its result. @returns where its job is */
export async function sendAsync(gateway: Pick<TestGateway, 'url'>, request: Sent, payment: Payment): Promise<string> {
  const answer = await send(gateway, asynchronous(paid(request, payment)))
  expect([answer.status, answer.headers['preference-applied']]).toEqual([202, 'respond-async'])
  return String(answer.headers.location)
}

export const asynchronous = (request: Sent, more = ''): Sent => ({
  ...request,
  headers: { ...request.headers, prefer: `respond-async${more}` },
})

/** What the job says to the holder of the payment. */
export const look = (
  gateway: Pick<TestGateway, 'url'>,
  path: string,
  payment: Pick<Payment, 'authorization'>,
  headers: Record<string, string> = {},
): Promise<Answered> => send(gateway, { path, headers: { ...payment.authorization, ...headers } })

/** Asks until the job is in this state. */
export async function untilJob(
  gateway: Pick<TestGateway, 'url'>,
  path: string,
  payment: Payment,
  state: string,
): Promise<JobDocument> {
  await expect
    .poll(async () => documentOf(await look(gateway, path, payment)).state, { timeout: 8_000, interval: 20 })
    .toBe(state)
  return documentOf(await look(gateway, path, payment))
}
