import type { Disk } from '#src/ports/disk.ts'
import { answerWith } from './answers.ts'
import { type Payment, paid, payFor, type Sent, send } from './buyer.ts'
import type { TestGateway } from './gateway.ts'
import type { TestUpstream } from './upstream.ts'

/** Requests that differ, so that each is a payment of its own. */
export const requestNumber = (number: number): Sent => ({ path: '/make', body: { prompt: `cat ${number}` } })

/** A disk that has as much room as a test says. */
export class TestDisk implements Disk {
  free: number
  asked = 0
  instead: (() => Promise<number>) | undefined

  constructor(free: number) {
    this.free = free
  }

  freeBytes(): Promise<number> {
    this.asked++
    return this.instead ? this.instead() : Promise.resolve(this.free)
  }
}

/** Buys as long as that many different payments have failed with a 500. @returns them */
export async function failPayments(gateway: TestGateway, upstream: TestUpstream, count: number): Promise<Payment[]> {
  const payments: Payment[] = []
  for (let number = 0; number < count; number++) payments.push(await payFor(gateway, requestNumber(number)))
  const { answer } = upstream
  upstream.answer = answerWith(500)
  for (const [number, payment] of payments.entries()) await send(gateway, paid(requestNumber(number), payment))
  upstream.answer = answer
  return payments
}

/** The value of a metric's line, by the beginning of the line. */
export async function metric(gateway: TestGateway, name: string): Promise<number | undefined> {
  const text = await (await fetch(`${gateway.adminUrl}/metrics`)).text()
  const line = text.split('\n').find((each) => each.startsWith(`${name} `))
  return line === undefined ? undefined : Number(line.slice(name.length + 1))
}
