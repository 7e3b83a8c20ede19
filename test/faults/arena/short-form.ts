import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as passed } from 'node:timers/promises'
import Database from 'better-sqlite3'
import { type Arena } from './arena.ts'
import { buy, type Purchase, pay, step } from './buyer.ts'
import { crashAt } from './crash.ts'
import { readExecutions } from './execution-log.ts'
import { buyHeld } from './held-buyer.ts'
import { eventually } from './processes.ts'
import { stampede } from './stampede.ts'

/** Each asks for trouble of one kind and leaves the arena as it found it. */

/** Somebody else has the ledger's file locked when paid buyers come. */
export async function lockedLedger(arena: Arena): Promise<Purchase> {
  const purchase = arena.want('json')
  await pay(purchase, arena)
  const database = new Database(join(arena.dataDir, 'ledger.sqlite'))
  database.exec('BEGIN IMMEDIATE')
  await step(purchase, arena)
  database.exec('ROLLBACK')
  database.close()
  await buy(purchase, arena)
  return purchase
}

/** The service is killed while it sends a result. */
export async function killedService(arena: Arena, kind: 'json' | 'sse' | 'binary' = 'binary'): Promise<Purchase> {
  const purchase = arena.want(kind, { paceMs: kind === 'json' ? 200 : 20 })
  const buying = buy(purchase, arena)
  await eventually('the service works', () => runsFor(arena, purchase) === 1)
  await new Promise((resolve) => setTimeout(resolve, 120))
  await arena.kill('service')
  await arena.startService()
  await buying
  return purchase
}

/** The first token of a purchase expires long before its buyer comes again. */
export async function lateReturn(arena: Arena): Promise<Purchase[]> {
  const delivered = arena.want('json')
  await buy(delivered, arena)
  const failed = arena.want('json', { failures: 1 })
  await pay(failed, arena)
  await step(failed, arena)
  arena.stepClock(30 * 3_600_000)
  await step(delivered, arena)
  await buy(failed, arena)
  arena.stepClock(0)
  return [delivered, failed]
}

/**
 * A gateway is stopped while the service works, loses its lock (as on a disk that keeps none) and goes on after another
 * one has taken up the same payment.
 */
export async function zombie(arena: Arena): Promise<Purchase> {
  const hold = `zombie${arena.purchases.length}`
  const purchase = arena.want('json', { hold })
  await pay(purchase, arena)
  const early = step(purchase, arena)
  await eventually('the first run', () => runsFor(arena, purchase) === 1)
  const first = arena.gateway
  first.signal('SIGSTOP')
  arena.kills++
  for (const suffix of ['', '-journal', '-wal', '-shm'])
    rmSync(join(arena.dataDir, `ledger.lock${suffix}`), { force: true })
  const second = await arena.startSecond()
  const late = step(purchase, second)
  await eventually('the second run', () => runsFor(arena, purchase) === 2)
  first.signal('SIGCONT')
  arena.open(hold, 1)
  await early
  arena.open(hold, 2)
  await late
  await buy(purchase, { pay: arena.pay, url: second.url, patienceMs: 5_000 })
  await first.kill()
  await second.kill()
  await arena.startGateway()
  return purchase
}

/**
 * The same for a payment that is held: both gateways work for it, with the one wallet, and decide.
 * @param first which of the two has its result first
 */
export async function heldZombie(arena: Arena, first: 'the old one' | 'the new one'): Promise<Purchase> {
  const hold = `zombie${arena.purchases.length}`
  const purchase = arena.want('held', { hold })
  const buying = buyHeld(purchase, arena)
  await eventually('the first run', () => runsFor(arena, purchase) === 1)
  const old = arena.gateway
  await replaceBehindItsBack(arena, old, async () => {
    await eventually('the second run', () => runsFor(arena, purchase) === 2)
    arena.open(hold, first === 'the old one' ? 1 : 2)
    old.signal('SIGCONT')
    await passed(200)
    arena.open(hold, first === 'the old one' ? 2 : 1)
    await eventually('the payment ends', () => purchase.held?.end !== undefined)
  })
  await buying
  return purchase
}

/** A gateway is stopped, another one takes its place, since the lock is gone, and both end when all is done. */
async function replaceBehindItsBack(arena: Arena, old: Arena['gateway'], then: () => Promise<void>): Promise<void> {
  old.signal('SIGSTOP')
  arena.kills++
  for (const suffix of ['', '-journal', '-wal', '-shm'])
    rmSync(join(arena.dataDir, `ledger.lock${suffix}`), { force: true })
  const second = await arena.startSecond()
  await then()
  await old.kill()
  await second.kill()
  await arena.startGateway()
}

/** Everything of it once: what a broken build must not come through. */
export async function shortForm(arena: Arena): Promise<void> {
  for (let round = 0; round < 3; round++) await stampede(arena, arena.want('json', { paceMs: 20 }), 16)
  await lockedLedger(arena)
  await killedService(arena)
  await lateReturn(arena)
  await crashAt(arena, 'upstream_end', arena.want('json'))
  await zombie(arena)
}

function runsFor(arena: Arena, { payment, held }: Purchase): number {
  const isRun = (line: ReturnType<typeof readExecutions>[number]) =>
    line.kind === 'begun' && line.paymentHash === (payment ?? held)?.paymentHash
  return readExecutions(arena.directory).filter(isRun).length
}
