import * as fc from 'fast-check'
import { expect } from 'vitest'
import type { ClaimOutcome } from '#src/ports/ledger.ts'
import type { TestClock } from '../support/clock.ts'
import type { OpenedLedger } from '../support/ledger/opened-ledger.ts'
import {
  hour,
  makeCapture,
  makeClaim,
  makeFail,
  makeFrame,
  makeRefusal,
  minute,
  second,
  year,
} from '../support/ledger/requests.ts'
import type { LedgerModel, ModelOutcome } from './model.ts'

/** A ledger, the time it is asked at, and the few payments and requests that commands choose from. */
export interface Real {
  readonly opened: OpenedLedger
  readonly clock: TestClock
  readonly payments: readonly { readonly paymentHash: string; readonly mintedExpiry: number }[]
  readonly requests: readonly string[]
  /** Every frame gets a number of its own, so that none is ever given twice. */
  nextSeq: number
}

interface Choice {
  readonly payment: number
  readonly request: number
  /** The present epoch less this. */
  readonly behind: number
  readonly flag: boolean
  readonly amount: number
}

type Run = (model: LedgerModel, real: Real, choice: Choice) => Promise<void>

class LedgerCommand implements fc.AsyncCommand<LedgerModel, Real> {
  readonly #name: string
  readonly #choice: Choice
  readonly #run: Run

  constructor(name: string, choice: Choice, run: Run) {
    this.#name = name
    this.#choice = choice
    this.#run = run
  }

  check(): boolean {
    return true
  }

  async run(model: LedgerModel, real: Real): Promise<void> {
    await this.#run(model, real, this.#choice)
    await expectSame(model, real)
  }

  toString(): string {
    const { payment, request, behind, flag, amount } = this.#choice
    return `${this.#name}(p${payment} r${request} -${behind} ${flag} ${amount})`
  }
}

const anyChoice: fc.Arbitrary<Choice> = fc.record({
  payment: fc.nat(3),
  request: fc.nat(1),
  behind: fc.constantFrom(0, 0, 0, 0, 1),
  flag: fc.boolean(),
  amount: fc.nat(4),
})

const command = (name: string, run: Run) => anyChoice.map((choice) => new LedgerCommand(name, choice, run))

const waits = [second, second, minute, hour, 3 * hour]
const steps = [year, -year, hour, -hour, -minute]

function claimFrom({ payments, requests, clock }: Real, { payment, request, flag, amount }: Choice) {
  const paid = payments[payment]
  const requestHash = requests[request]
  if (!paid || requestHash === undefined) throw new Error('there is no such payment')
  const rest = { nowMs: clock.nowMs(), takeover: flag, resultTtlMs: (amount + 1) * hour }
  return makeClaim({ ...paid, requestHash, rev: String(request).repeat(16), ...rest })
}

function runOf(model: LedgerModel, { payments }: Real, { payment, behind }: Choice) {
  const paymentHash = payments[payment]?.paymentHash ?? ''
  return { paymentHash, epoch: (model.jobs.get(paymentHash)?.epoch ?? 1) - behind }
}

/** A payment that a result was stored for is never granted again, whatever happened since. */
function expectClaim(model: LedgerModel, paymentHash: string, expected: ModelOutcome, outcome: ClaimOutcome): void {
  expect(outcome.kind).toBe(expected)
  expect(outcome.kind === 'claimed' && model.everCaptured.has(paymentHash)).toBe(false)
}

function expectDone(done: boolean, expected: boolean): void {
  expect(done).toBe(expected)
}

const frames = (real: Real, count: number) => Array.from({ length: count }, () => makeFrame(real.nextSeq++))

const claims: fc.Arbitrary<LedgerCommand>[] = [
  command('claim', async (model, real, choice) => {
    const request = claimFrom(real, choice)
    const expected = model.claim(request)
    expectClaim(model, request.paymentHash, expected, await real.opened.ledger.claim(request))
  }),
  command('rebind', async (model, real, choice) => {
    const request = claimFrom(real, choice)
    const expected = model.rebind(request)
    expectClaim(model, request.paymentHash, expected, await real.opened.ledger.rebind(request))
  }),
]

const turnAway = command('turnAway', async (model, real, choice) => {
  const request = claimFrom(real, choice)
  model.turnAway(request)
  await real.opened.ledger.turnAway(request, 'upstream_busy')
})

const runs: fc.Arbitrary<LedgerCommand>[] = [
  command('show', async (model, real, choice) => {
    const { paymentHash, epoch } = runOf(model, real, choice)
    expectDone(await real.opened.ledger.show(paymentHash, epoch), model.show(paymentHash, epoch))
  }),
  command('append', async (model, real, choice) => {
    const { paymentHash, epoch } = runOf(model, real, choice)
    const given = frames(real, choice.amount + 1)
    const seqs = given.map(({ seq }) => seq)
    expectDone(await real.opened.ledger.append(paymentHash, epoch, given), model.append(paymentHash, epoch, seqs))
  }),
  command('capture', async (model, real, choice) => {
    const nowMs = real.clock.nowMs()
    const given = frames(real, choice.amount + 1)
    const capture = makeCapture(
      { ...runOf(model, real, choice), nowMs },
      { ...runOf(model, real, choice), frames: given, keepUntilMs: nowMs + (choice.amount + 1) * hour },
    )
    const { paymentHash, epoch, keepUntilMs } = capture
    const seqs = given.map(({ seq }) => seq)
    expectDone(await real.opened.ledger.capture(capture), model.capture(paymentHash, epoch, seqs, keepUntilMs))
  }),
  command('fail', async (model, real, choice) => {
    const { flag, amount } = choice
    const state = amount === 4 ? 'given_up' : 'retryable'
    const overrides = { state, counted: flag, nextGeneration: amount % 2 === 0 } as const
    await fail(model, real, choice, makeFail({ paymentHash: '', nowMs: real.clock.nowMs() }, overrides))
  }),
  command('refuse', async (model, real, choice) => {
    const overrides = { frames: frames(real, 1) }
    await fail(model, real, choice, makeRefusal({ paymentHash: '', nowMs: real.clock.nowMs() }, overrides))
  }),
]

const times: fc.Arbitrary<LedgerCommand>[] = [
  command('prune', async (model, real) => {
    const [nowMs, monotonicMs] = [real.clock.nowMs(), real.clock.monotonicMs()]
    model.prune(nowMs, monotonicMs)
    while ((await real.opened.ledger.prune(nowMs, monotonicMs)) > 0);
  }),
  command('pass', async (_model, { clock }, { amount }) => clock.advance(waits[amount] ?? 0)),
]

const step = command('step', async (_model, { clock }, { amount }) => clock.step(steps[amount] ?? 0))

const reopen = command('reopen', async (model, { opened, clock }) => {
  await opened.reopen()
  model.reopen(clock.nowMs())
})

/** Each as often as gives histories in which much happens; opening again takes long, and steps put an end to most. */
export const everyCommand: fc.Arbitrary<LedgerCommand>[] = [
  ...Array.from({ length: 8 }, () => claims).flat(),
  ...Array.from({ length: 4 }, () => runs).flat(),
  ...Array.from({ length: 3 }, () => times).flat(),
  turnAway,
  turnAway,
  step,
  reopen,
]

async function fail(model: LedgerModel, real: Real, choice: Choice, request: ReturnType<typeof makeFail>) {
  const keepUntilMs = request.nowMs + (choice.amount + 1) * hour
  const complete = { ...request, ...runOf(model, real, choice), keepUntilMs }
  expect(await real.opened.ledger.fail(complete)).toBe(model.fail(complete))
}

/** Every payment's row and stored frames are what the model says. */
async function expectSame(model: LedgerModel, { opened, payments }: Real): Promise<void> {
  await Promise.all(
    payments.map(async ({ paymentHash }) => {
      const expected = model.jobs.get(paymentHash)
      const [record, stored] = await Promise.all([
        opened.ledger.read(paymentHash),
        expected ? opened.ledger.frames(paymentHash, expected.epoch, 0, 2 ** 30) : [],
      ])
      expect(record === undefined).toBe(expected === undefined)
      if (!record || !expected) return
      const { mintedExpiry, keepUntilMs, resultTtlMs: _ttl, frames: seqs, retryAtMs, ...job } = expected
      expect(record).toMatchObject({ mintedExpiry, job })
      if (job.state !== 'running') expect(record.job).toMatchObject({ keepUntilMs })
      if (job.state === 'retryable') expect(record.job).toMatchObject({ retryAtMs })
      expect(stored.map(({ seq }) => seq)).toEqual(seqs)
    }),
  )
}
