import { expect } from 'vitest'
import type { WalletErrorCode } from '#src/ports/wallet.ts'
import {
  aMoment,
  aRequest,
  type ContractCase,
  expectNoSecrets,
  failure,
  soon,
  started,
  withinMs,
} from './contract-steps.ts'
import type { Breakage, SetupFault, WalletSubject } from './subject.ts'

const breakages: Readonly<Record<Breakage, readonly WalletErrorCode[]>> = {
  '401': ['unauthorized'],
  '429': ['rate_limited'],
  '5xx': ['unavailable'],
  hang: ['timeout'],
  garbage: ['protocol', 'unavailable'],
  'half-open': ['timeout'],
}

const faults: Readonly<Record<SetupFault, readonly WalletErrorCode[]>> = {
  credential: ['unauthorized'],
  certificate: ['unauthorized', 'protocol', 'rejected'],
  network: ['rejected'],
  unreachable: ['unavailable', 'timeout'],
}

/** What went wrong is said in time and without secrets, and passes. */
async function fails(subject: WalletSubject, breakage: Breakage): Promise<void> {
  const codes = breakages[breakage]
  await using wallet = await started(subject)
  const issued = await wallet.createInvoice(aRequest(), soon())
  subject.fake.breakWith(breakage)
  const patienceMs = codes.includes('timeout') ? 700 : 8_000
  for (const call of [
    (signal: AbortSignal) => wallet.createInvoice(aRequest(), signal),
    (signal: AbortSignal) => wallet.lookup(issued, signal),
  ]) {
    const begunMs = performance.now()
    const thrown = await failure(call(withinMs(patienceMs)))
    expect(codes).toContain(thrown.code)
    expect(performance.now() - begunMs).toBeLessThan(patienceMs + 1_500)
    expectNoSecrets(subject, thrown)
  }
  const health = await wallet.health(withinMs(patienceMs))
  expect(health.ok).toBe(false)
  expect(health.detail).toMatch(/\S/)
  for (const secret of subject.fake.secrets()) expect(JSON.stringify(health).includes(secret)).toBe(false)
  subject.fake.breakWith(undefined)
  const signal = soon()
  let works = false
  while (!works && !signal.aborted) {
    await aMoment()
    works = await wallet.createInvoice(aRequest(), withinMs(2_000)).then(
      () => true,
      () => false,
    )
  }
  expect(works).toBe(true)
  expect((await wallet.health(soon())).ok).toBe(true)
}

async function doesNotStart(subject: WalletSubject, fault: SetupFault): Promise<void> {
  const codes = faults[fault]
  await using wallet = await subject.openWith(fault)
  const thrown = await failure(wallet.start(withinMs(5_000)))
  expect(codes).toContain(thrown.code)
  expect(thrown.message).toMatch(/^[^.].{20,300}\.$/s)
  expectNoSecrets(subject, thrown)
}

const named = <Name extends string>(table: Readonly<Record<Name, unknown>>) => Object.keys(table) as Name[]

export const failureCases: readonly ContractCase[] = [
  ...named(breakages).map((breakage) => ({
    name: `answers ${breakage} with a WalletError, and works again after it`,
    run: (subject: WalletSubject) => fails(subject, breakage),
  })),
  ...named(faults).map((fault) => ({
    name: `does not start with ${fault === 'unreachable' ? 'nobody at its address' : `a wrong ${fault}`}`,
    run: (subject: WalletSubject) => doesNotStart(subject, fault),
  })),
]
