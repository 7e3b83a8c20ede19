import type { Reporter, TestModule } from 'vitest/node'
import type { Tally } from './tally.ts'

/** Prints at the end how much of every class of attack was tried, and how it went. */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const rows = new Map<string, { tests: number; failed: number; skipped: number; tried: number; notes: string[] }>()
    for (const test of modules.flatMap((module) => [...module.children.allTests()])) {
      const counted: Tally | undefined = test.meta().hostile
      const kind = counted?.kind ?? 'not counted'
      const row = rows.get(kind) ?? { tests: 0, failed: 0, skipped: 0, tried: 0, notes: [] }
      const { state } = test.result()
      row.tests++
      if (state === 'failed') row.failed++
      if (state === 'skipped') row.skipped++
      row.tried += counted?.tried ?? 0
      if (counted?.note !== undefined) row.notes.push(counted.note)
      rows.set(kind, row)
    }
    console.log('\nHostile requests, by class:')
    for (const [kind, { tests, failed, skipped, tried, notes }] of [...rows].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      const counts = `${tried.toLocaleString('en')} tried in ${tests} tests, ${failed} failed, ${skipped} skipped`
      console.log(`  ${kind.padEnd(20)} ${counts}${notes.map((note) => `\n${' '.repeat(23)}${note}`).join('')}`)
    }
  }
}
