import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as passed } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import type { ClaimRequest } from '#src/ports/ledger.ts'
import { makeDirectory, openSqlite } from '../support/ledger/opened-ledger.ts'
import { again, makeCapture, makeClaim, rowOf } from '../support/ledger/requests.ts'

const holder = fileURLToPath(new URL('../support/ledger/hold-ledger.ts', import.meta.url))

/** Another process that owns the ledger and has claimed a payment. */
async function holdElsewhere(directory: string, claim: ClaimRequest): Promise<ChildProcess & AsyncDisposable> {
  const json = JSON.stringify({
    ...claim,
    priceMsat: String(claim.priceMsat),
    salt: Buffer.from(claim.salt).toString('hex'),
  })
  const child = spawn(process.execPath, [holder, directory, json], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [said] = (await once(child.stdout, 'data')) as [Buffer]
  if (said.toString() !== 'claimed\n') throw new Error(`the other process said ${said.toString()}`)
  return Object.assign(child, {
    async [Symbol.asyncDispose]() {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  })
}

/** Opens a ledger that somebody else owns. `waiting` resolves when it is seen to wait. */
function openSecond(directory: string, signal?: AbortSignal) {
  const { promise: waiting, resolve } = Promise.withResolvers<void>()
  let isOpen = false
  const opening = openSqlite(directory, { onWaiting: resolve }, signal).then((ledger) => {
    isOpen = true
    return ledger
  })
  opening.catch(() => undefined)
  return { opening, waiting, isOpen: () => isOpen }
}

describe('a second ledger on the same directory', () => {
  test('waits until the first is closed and then goes on where that ended', async () => {
    using directory = makeDirectory()
    const first = await openSqlite(directory.path)
    const [running, spent] = [makeClaim(), makeClaim()]
    await first.claim(running)
    await first.claim(spent)
    await first.capture(makeCapture(spent))
    const second = openSecond(directory.path)
    await second.waiting
    await passed(150)
    expect(second.isOpen()).toBe(false)
    expect(await first.claim(makeClaim())).toMatchObject({ kind: 'claimed' })
    await first[Symbol.asyncDispose]()
    await using ledger = await second.opening
    expect(ledger.meta.ledgerId).toBe(first.meta.ledgerId)
    expect(await ledger.claim(again(running))).toMatchObject({ kind: 'claimed', job: { epoch: 2 } })
    expect(await ledger.claim(again(spent, { takeover: true }))).toMatchObject({ kind: 'standing' })
  })

  test('stops waiting when it is told to, while the first goes on', async () => {
    using directory = makeDirectory()
    await using first = await openSqlite(directory.path)
    const stopping = new AbortController()
    const second = openSecond(directory.path, stopping.signal)
    await second.waiting
    stopping.abort(new Error('the process is to end'))
    await expect(second.opening).rejects.toThrow('the process is to end')
    expect(await first.claim(makeClaim())).toMatchObject({ kind: 'claimed' })
  })

  test('does not even begin when it is told so before', async () => {
    using directory = makeDirectory()
    await using first = await openSqlite(directory.path)
    const second = openSecond(directory.path, AbortSignal.abort(new Error('the process is to end')))
    await expect(second.opening).rejects.toThrow('the process is to end')
    expect(await first.claim(makeClaim())).toMatchObject({ kind: 'claimed' })
  })

  test('waits for another process while it lives or is stopped, and takes over when it is killed', async () => {
    using directory = makeDirectory()
    const claim = makeClaim()
    await using owner = await holdElsewhere(directory.path, claim)
    const second = openSecond(directory.path)
    await second.waiting
    owner.kill('SIGSTOP')
    await passed(150)
    expect(second.isOpen()).toBe(false)
    owner.kill('SIGKILL')
    await using ledger = await second.opening
    expect((await rowOf(ledger, claim)).job).toMatchObject({ state: 'retryable', epoch: 1, attempts: 0 })
    expect(await ledger.claim(again(claim))).toMatchObject({ kind: 'claimed', job: { epoch: 2 } })
  })
})
