import { expect } from 'vitest'
import { makeGate } from './answers.ts'
import { type Payment, paid, payFor, send } from './buyer.ts'
import type { TestGateway } from './gateway.ts'
import { requestNumber } from './guards.ts'
import { openUpstream, type TestUpstream } from './upstream.ts'

const soon = { timeout: 10_000 }

/** Sells calls to an upstream with limits. */
export const shop = (upstream: string, limits: string) => `
l402: { token_ttl: 1h }
upstreams: { gpu: { url: "${upstream}", ${limits} } }
services:
  POST /make: { name: make, upstream: { use: gpu, path: /make }, price: { flat: 7 } }
  GET /media/*: { name: media, upstream: { use: gpu }, price: free }
`

/** An upstream whose every call ends when a test says so. */
export interface Held extends TestUpstream {
  readonly bodies: () => string[]
  readonly finish: (number: number) => void
}

export async function openHeld(): Promise<Held> {
  const gates = [0, 1, 2, 3, 4, 5, 6, 7].map(() => makeGate())
  const upstream = await openUpstream(async (call, outgoing) => {
    const number = Number(/\d+/.exec(call.body.toString())?.[0] ?? 0)
    await gates[number]?.opened
    outgoing.end(`made ${number}`)
  })
  return Object.assign(upstream, {
    bodies: () => upstream.calls.map(({ body }) => /\d+/.exec(body.toString())?.[0] ?? ''),
    finish: (number: number) => gates[number]?.open(),
  })
}

export const payForAll = async (gateway: TestGateway, count: number): Promise<Payment[]> => {
  const payments: Payment[] = []
  for (let number = 0; number < count; number++) payments.push(await payFor(gateway, requestNumber(number)))
  return payments
}

export const queued = (gateway: TestGateway) => gateway.running.context.gateway.guard.status()[0]?.queued

/** Begins the paid requests one after the other, each when the one before is running or waiting. */
export async function beginInTurn(gateway: TestGateway, upstream: TestUpstream, payments: readonly Payment[]) {
  const answers = []
  for (const [number, payment] of payments.entries()) {
    answers.push(send(gateway, paid(requestNumber(number), payment)))
    await expect.poll(() => upstream.calls.length + (queued(gateway) ?? 0), soon).toBe(number + 1)
  }
  return answers
}
