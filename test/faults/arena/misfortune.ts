import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as passed } from 'node:timers/promises'
import Database from 'better-sqlite3'
import type { Arena } from './arena.ts'
import type { Misfortune, Restart, Round } from './round.ts'

/** Lets one thing go wrong. The gateway, when it is killed, is started again by whoever watches over it. */
export async function befall(arena: Arena, { afterMs, what, forMs }: Misfortune): Promise<void> {
  await passed(afterMs)
  switch (what) {
    case 'gateway_killed':
      return await arena.gateway.kill()
    case 'service_killed':
      // Away already, and started again by the misfortune that ended it.
      if (!arena.service.alive) return
      await arena.kill('service')
      await passed(forMs / 4)
      return await arena.startService()
    case 'gateway_stopped':
    case 'service_stopped': {
      const process = what === 'gateway_stopped' ? arena.gateway : arena.service
      process.signal('SIGSTOP')
      await passed(forMs)
      process.signal('SIGCONT')
      return
    }
    case 'ledger_locked':
      return await lockLedger(arena, forMs)
  }
}

async function lockLedger(arena: Arena, forMs: number): Promise<void> {
  const database = new Database(join(arena.dataDir, 'ledger.sqlite'), { timeout: 0 })
  try {
    database.exec('BEGIN IMMEDIATE')
    arena.locks++
    await passed(forMs)
    database.exec('ROLLBACK')
  } catch {
    // The gateway is writing at this very moment.
  } finally {
    database.close()
  }
}

/** Begins a round: every gateway that the round's misfortunes end is followed by another one. */
export async function startRound(arena: Arena, { failpoint, restarts }: Round): Promise<void> {
  await arena.gateway.kill()
  await startUntilItRuns(arena, failpoint, [...restarts])
}

/**
 * Starts a gateway in place of each that died, until the buyers are done.
 * @throws Error when one ended by itself
 */
export async function superviseGateway(arena: Arena, round: Round, buying: Promise<unknown>): Promise<void> {
  const restarts = [...round.restarts]
  const done = buying.then(
    () => 'done' as const,
    () => 'done' as const,
  )
  for (;;) {
    const came = await Promise.race([arena.gateway.ended.then(() => 'ended' as const), done])
    if (came === 'done' && arena.gateway.alive) return
    arena.kills++
    if (!arena.gateway.killed) throw new Error('a gateway ended by itself')
    const next = restarts.shift()
    await passed(next?.afterMs ?? 0)
    await startUntilItRuns(arena, next?.failpoint ?? '', restarts)
  }
}

/** What a gateway says that finds its ledger locked and does not start; whoever runs it starts it again. */
const cannotWrite = /database is locked/

/** A gateway may be killed while it starts, and finds the ledger as the round has it. */
async function startUntilItRuns(arena: Arena, failpoint: string, restarts: Restart[]): Promise<void> {
  for (let point = failpoint; ; point = restarts.shift()?.failpoint ?? '') {
    try {
      return await arena.startGateway(point)
    } catch (thrown) {
      if (!arena.gateway.killed && !cannotWrite.test(String(thrown))) throw thrown
      arena.kills++
      await passed(restartPauseMs)
    }
  }
}

const restartPauseMs = 100
const lookEveryMs = 25

/** Lets a gateway go on that a failpoint stopped. */
export async function letStoppedGoOn(arena: Arena, { stoppedMs }: Round, over: AbortSignal): Promise<void> {
  while (!over.aborted) {
    const { gateway } = arena
    if (isStopped(gateway.pid)) {
      await passed(stoppedMs)
      gateway.signal('SIGCONT')
    }
    await passed(lookEveryMs)
  }
}

function isStopped(pid: number): boolean {
  try {
    return /^\d+ \(.*\) T/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}
