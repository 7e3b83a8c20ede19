import { expect, test } from 'vitest'
import { withinDeadline } from '#src/lightning/deadline.ts'
import { WalletError } from '#src/ports/wallet.ts'

const never = new AbortController().signal

async function failure(calling: Promise<unknown>): Promise<WalletError> {
  const thrown = await calling.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  if (!(thrown instanceof WalletError)) throw new Error(`no WalletError but ${String(thrown)}`)
  return thrown
}

test('a call that looks at no signal ends by the deadline', async () => {
  const begunMs = performance.now()
  expect((await failure(withinDeadline(50, never, () => new Promise(() => {})))).code).toBe('timeout')
  expect(performance.now() - begunMs).toBeLessThan(1_000)
})

test('the call is told that its time is over', async () => {
  let told = false
  const calling = withinDeadline(20, never, (signal) => {
    signal.addEventListener('abort', () => (told = true))
    return new Promise(() => {})
  })
  await failure(calling)
  expect(told).toBe(true)
})

test('the caller can end it sooner, or before it began', async () => {
  const caller = new AbortController()
  const calling = failure(withinDeadline(60_000, caller.signal, () => new Promise(() => {})))
  caller.abort()
  expect((await calling).code).toBe('timeout')
  expect((await failure(withinDeadline(60_000, caller.signal, () => new Promise(() => {})))).code).toBe('timeout')
})

test('what is thrown stays what it is, or becomes `unavailable`', async () => {
  const rejected = new WalletError('rejected', 'No.')
  expect(await failure(withinDeadline(1_000, never, () => Promise.reject(rejected)))).toBe(rejected)
  const other = await failure(withinDeadline(1_000, never, () => Promise.reject(new Error('a secret'))))
  expect([other.code, other.message]).toEqual(['unavailable', 'The call to the wallet failed.'])
})

test('a call that throws at once leaves no unhandled rejection behind', async () => {
  const thrown = new WalletError('unavailable', 'At once.')
  expect(await failure(withinDeadline(1, never, () => Promise.reject(thrown)))).toBe(thrown)
  await new Promise((resolve) => setTimeout(resolve, 30))
})
