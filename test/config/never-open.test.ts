import { describe, expect, test } from 'vitest'
import { buildCatalog } from '#src/catalog/build.ts'
import { loadConfigText } from '#src/config/load.ts'
import { formatProblem } from '#src/config/problem.ts'

/** @returns each problem as it is printed, or for each service whether it is free */
function load(text: string): { readonly problems: readonly string[]; readonly free: readonly boolean[] } {
  const { config, problems } = loadConfigText(text, '/nowhere/gateway.yaml', {})
  const built = config && problems.length === 0 ? buildCatalog(config) : undefined
  return {
    problems: [...problems, ...(built?.problems ?? [])].map(formatProblem),
    free: built?.catalog.services.map(({ contract }) => contract.price === 'free') ?? [],
  }
}

/** A file of services, one for each of `lines`. */
const servicesWith = (lines: readonly string[]): string =>
  `services:\n${lines
    .map((line, at) => `  /number-${at}/x:\n    name: n${at}\n    upstream: "http://127.0.0.1:9000"\n    ${line}\n`)
    .join('')}`

/** Those of `lines` of which nothing is said. */
function accepted(lines: readonly string[]): string[] {
  const { problems } = load(servicesWith(lines))
  return lines.filter((_, at) => !problems.some((problem) => problem.includes(`services./number-${at}/x`)))
}

describe('a service that does not say what it costs is refused', () => {
  test('whatever stands where the price should', () => {
    const prices = [
      ['Free', 'FREE', 'fre', 'freee', 'free ish', '"free "', '"free\\u200b"', 'ｆｒｅｅ', '[free]', '{ free: true }'],
      ['off', 'no', 'none', 'false', 'open', 'public', 'disabled', 'null', '~', '""', '0', '"0"', '-0', '0.0'],
      [
        '{}',
        '[]',
        '{ flat: free }',
        '{ flat: }',
        '{ flat: 0 }',
        '{ flat: "0 sat" }',
        '{ flat: .nan }',
        '{ flat: off }',
      ],
      ['{ flat: [] }', '{ flat: true }', '{ flat: -1 }', '{ flat: 1e-400 }', '{ Flat: 7 }', '{ flat: 7, free: true }'],
      ['freebie 5', '"freebie 5"', 'on', 'true'],
    ].flat()
    expect(accepted(prices.map((price) => `price: ${price}`))).toEqual([])
  })

  test('while these say it', () => {
    const { problems, free } = load(servicesWith(['free', '"free"', '{ flat: 7 }'].map((price) => `price: ${price}`)))
    expect([problems, free]).toEqual([[], [true, true, false]])
  })

  test('where a letter of the key is wrong', () => {
    const keys = Array.from('price').flatMap((letter, at) =>
      ['', letter.repeat(2), letter.toUpperCase(), 'x'].map(
        (other) => 'price'.slice(0, at) + other + 'price'.slice(at + 1),
      ),
    )
    expect(accepted(keys.map((key) => `${key}: { flat: 7 }`))).toEqual([])
  })

  test('where another key speaks of it, beside the price or in its place', () => {
    const others = [
      'auth: off',
      'auth: "on"',
      'free: true',
      'authwhitelistpaths: ["^/"]',
      'auth_skip: true',
      'open: yes',
    ]
    expect(accepted(others)).toEqual([])
    expect(accepted(others.map((line) => `price: { flat: 7 }\n    ${line}`))).toEqual([])
  })
})

/** What YAML, or who writes it, may take for numbers. */
const odd = [
  ['.nan', '.inf', '-.inf', 'NaN', 'Infinity', '1e400', '-1e400', '1e-400', '-1', '-0.5', '0x', '0b1', '1_000', '1:30'],
  ['9007199254740993', '123456789012345678901234567890', '""', '+', '1.2.3', '1,5', '٣', 'true', '~', '[1]'],
].flat()

describe('a number that is none is refused', () => {
  test.for([
    ['price.flat', (value: string) => `price: { flat: ${value} }`],
    ['price.min', (value: string) => `price: { per_char: { of: text, rate: 1 }, min: ${value} }`],
    ['price.max', (value: string) => `price: { per_char: { of: text, rate: 1 }, max: ${value} }`],
    ['price.round_to', (value: string) => `price: { flat: 1, round_to: ${value} }`],
    ['a rate', (value: string) => `price: { per_char: { of: text, rate: ${value} } }`],
    ['a row', (value: string) => `price: { per_unit: { of: n, rate: { by: m, default: a, table: { a: ${value} } } } }`],
    ['max_units', (value: string) => `price: { per_unit: { of: n, rate: 1, max_units: ${value} } }`],
    ['attempts', (value: string) => `price: { flat: 1 }\n    attempts: ${value}`],
    ['timeout', (value: string) => `price: { flat: 1 }\n    timeout: ${value}`],
    ['request.max_bytes', (value: string) => `price: { flat: 1 }\n    request: { max_bytes: ${value} }`],
    ['result.max_bytes', (value: string) => `price: { flat: 1 }\n    result: { max_bytes: ${value} }`],
    ['result.ttl', (value: string) => `price: { flat: 1 }\n    result: { ttl: ${value} }`],
  ] as const)('as %s', ([, line]) => {
    expect(accepted(odd.map(line))).toEqual([])
  })

  test.for([
    ['l402', 'token_ttl'],
    ['lightning', 'invoice_expiry'],
    ['lightning', 'max_open_invoices'],
  ])('as %s.%s', ([section, key]) => {
    const services = servicesWith(['price: free'])
    // One file for each, so fewer of them.
    for (const value of odd.filter((_, at) => at % 3 === 0).filter((each) => each !== '1,5'))
      expect(load(`${section}: { ${key}: ${value} }\n${services}`).problems.join(), `of ${value}`).toContain(
        `${section}.${key}`,
      )
  })
})
