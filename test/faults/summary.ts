import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** What the whole run of fault tests comes to. Test files add to it; the last lines of the run print it. */

const variable = 'TURNPIKE_FAULTS_SUMMARY'

/** Adds to a count, or raises a figure to at least this. */
export function note(what: string, count: number, how: 'sum' | 'max' = 'sum'): void {
  const file = process.env[variable]
  if (file !== undefined) appendFileSync(file, `${JSON.stringify({ what, count, how })}\n`)
}

export default function setup(): () => void {
  const directory = mkdtempSync(join(tmpdir(), 'turnpike-summary-'))
  const file = join(directory, 'counts')
  writeFileSync(file, '')
  process.env[variable] = file
  const begunMs = performance.now()
  return () => {
    const totals = new Map<string, number>()
    for (const line of readFileSync(file, 'utf8').split('\n').slice(0, -1)) {
      const { what, count, how } = JSON.parse(line) as { what: string; count: number; how: 'sum' | 'max' }
      const before = totals.get(what) ?? 0
      totals.set(what, how === 'max' ? Math.max(before, count) : before + count)
    }
    rmSync(directory, { recursive: true })
    console.log('\nFault tests')
    for (const [what, count] of totals) console.log(`  ${what.padEnd(48, '.')} ${count}`)
    console.log(`  ${'seconds'.padEnd(48, '.')} ${Math.round((performance.now() - begunMs) / 1000)}`)
  }
}
