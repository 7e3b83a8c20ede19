import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

const root = join(import.meta.dirname, '../..')

const row = /^\| ([0-9a-z.]+) \| [^|]+ \| `([^`]+)` \| `(test\/[^`]+\.test\.ts)` \|$/

const lines = readFileSync(join(import.meta.dirname, 'README.md'), 'utf8').split('\n')
const claims = lines.flatMap((line) => {
  const [, clause, title, file] = row.exec(line) ?? []
  return clause === undefined || title === undefined || file === undefined ? [] : [{ clause, title, file }]
})

describe('the traceability table', () => {
  test('is read whole', () => {
    const written = lines.filter(
      (line) => line.startsWith('| ') && !line.startsWith('| Clause') && !line.includes('---'),
    )
    expect(claims).toHaveLength(written.length)
    expect(claims.length).toBeGreaterThan(25)
  })

  test.for(claims)('$clause: "$title" is in $file', ({ title, file }) => {
    const source = readFileSync(join(root, file), 'utf8')
    const quoted = ["'", '"', '`'].map((quote) => `${quote}${title}${quote}`)
    expect(quoted.filter((text) => source.includes(text))).not.toEqual([])
  })

  test('names every clause that has a test here', () => {
    const source = readFileSync(join(import.meta.dirname, 'l402-challenge.test.ts'), 'utf8')
    const cited = [...source.matchAll(/describe\('([0-9a-z.]+):/g)].map(([, clause]) => clause)
    expect(cited.length).toBeGreaterThan(0)
    expect(cited.filter((clause) => !claims.some((claim) => claim.clause === clause))).toEqual([])
  })
})
