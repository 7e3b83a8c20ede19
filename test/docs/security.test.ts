import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const root = new URL('../../', import.meta.url)
const page = readFileSync(new URL('SECURITY.md', root), 'utf8')

/** The rows of the tables of threats: attack, defence, and the test that shows it. */
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| ') && !/^\| (?:Attack|---)/.test(line))
  .map((line) => line.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, '').trim()))

test('every threat has a defence, and a test that exists under that name', () => {
  expect(rows.length).toBeGreaterThan(45)
  const missing = rows.filter(([attack = '', defence = '', shown = '', ...more]) => {
    const [, file = '', name] = /^`([^`]+)`(?: › (.+))?$/.exec(shown) ?? []
    if (attack === '' || defence === '' || more.length > 0 || !existsSync(new URL(file, root)) || file === '')
      return true
    return name !== undefined && !titlesOf(readFileSync(new URL(file, root), 'utf8')).includes(name)
  })
  expect(missing.map(([attack, , shown]) => `${attack}: ${shown}`)).toEqual([])
})

test('no file is named without a test in it, but golden files', () => {
  const whole = rows.map(([, , shown = '']) => shown).filter((shown) => !shown.includes(' › '))
  expect(whole.filter((shown) => !shown.endsWith('-golden`'))).toEqual([])
})

/** The text of every string literal that stands where a title does. */
const titlesOf = (source: string): string[] =>
  [...source.matchAll(/[([,]\s*(?:'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)"|`([^`]*)`)/g)].map(
    ([, single, double, template]) => (single ?? double ?? template ?? '').replaceAll("\\'", "'"),
  )
