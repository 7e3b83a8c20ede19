import { afterAll, describe, expect, test } from 'vitest'
import { contractCases } from './contract-cases.ts'
import type { WalletUnderTest } from './subject.ts'

type Mark = '✓' | '✗' | '–'

/**
 * The conformance suite of the port `Wallet`: every case for every wallet. Prints a table wallet × case at its end. A
 * case a wallet cannot have is declared in its `lacks`; naming one that does not exist is a failure.
 */
export function walletContract(wallets: readonly WalletUnderTest[]): void {
  const marks = new Map<string, Mark>()
  describe.each(wallets)('$kind', ({ kind, make, lacks }) => {
    const has = contractCases.filter(({ name }) => lacks[name] === undefined)
    for (const name of Object.keys(lacks)) marks.set(`${kind} ${name}`, '–')
    test.each(has)('$name', { timeout: 20_000 }, async ({ name, run }) => {
      marks.set(`${kind} ${name}`, '✗')
      await using subject = await make()
      await run(subject)
      marks.set(`${kind} ${name}`, '✓')
    })
    test('lacks only cases that there are', () => {
      const names = new Set(contractCases.map(({ name }) => name))
      expect(Object.keys(lacks).filter((name) => !names.has(name))).toEqual([])
    })
  })
  afterAll(() => {
    process.stdout.write(
      `\n${table(
        wallets,
        contractCases.map(({ name }) => name),
        marks,
      )}\n`,
    )
  })
}

/** Wallets across, cases down, the reasons of what is lacking below. */
export function table(
  wallets: readonly Pick<WalletUnderTest, 'kind' | 'lacks'>[],
  names: readonly string[],
  marks: ReadonlyMap<string, Mark>,
): string {
  const width = Math.max(...names.map((name) => name.length))
  const line = (first: string, cells: readonly string[]): string =>
    [first.padEnd(width), ...cells.map((cell, index) => cell.padEnd(wallets[index]?.kind.length ?? 0))].join('  ')
  const kinds = wallets.map(({ kind }) => kind)
  const rows = names.map((name) =>
    line(
      name,
      kinds.map((kind) => marks.get(`${kind} ${name}`) ?? ' '),
    ),
  )
  const reasons = wallets.flatMap(({ kind, lacks }) =>
    Object.entries(lacks).map(([name, reason]) => `– ${kind}, ${name}: ${reason}`),
  )
  return [line('', kinds), ...rows, ...reasons].join('\n')
}
