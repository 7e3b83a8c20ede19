import { describe, expect, test } from 'vitest'
import type { OpenLedger } from './opened-ledger.ts'
import { now } from './requests.ts'

export function describeMeta(open: OpenLedger): void {
  describe('what it keeps besides payments', () => {
    test('is an identity of its own, the same every time it is opened', async () => {
      await using one = await open()
      await using two = await open()
      const { ledgerId } = one.ledger.meta
      expect(ledgerId).toMatch(/^[0-9a-f]{32}$/)
      expect(two.ledger.meta.ledgerId).not.toBe(ledgerId)
      expect((await one.reopen()).meta.ledgerId).toBe(ledgerId)
    })

    test('are the fingerprints of every key, added to and never lost', async () => {
      await using opened = await open()
      expect(opened.ledger.meta.keyFingerprints).toEqual(new Map())
      await opened.ledger.saveKeyFingerprints(new Map([[1, 'one']]))
      await opened.ledger.saveKeyFingerprints(
        new Map([
          [2, 'two'],
          [255, 'last'],
        ]),
      )
      const { meta } = await opened.reopen()
      expect(meta.keyFingerprints).toEqual(
        new Map([
          [1, 'one'],
          [2, 'two'],
          [255, 'last'],
        ]),
      )
    })

    test('are service revisions, whose last sale only ever moves ahead', async () => {
      await using opened = await open()
      const { ledger } = opened
      expect(await ledger.revisions()).toEqual([])
      const [a, b] = [
        { rev: 'a'.repeat(16), definition: '{"a":1}', lastSoldUntil: 200 },
        { rev: 'b'.repeat(16), definition: '{"b":1}', lastSoldUntil: 100 },
      ]
      await ledger.saveRevisions([a, b])
      await ledger.saveRevisions([
        { ...a, lastSoldUntil: 150 },
        { ...b, lastSoldUntil: 300 },
      ])
      const reopened = await opened.reopen()
      expect((await reopened.revisions()).toSorted((x, y) => (x.rev < y.rev ? -1 : 1))).toEqual([
        a,
        { ...b, lastSoldUntil: 300 },
      ])
    })

    test('can be probed any number of times', async () => {
      await using opened = await open()
      const probes = Array.from({ length: 8 }, (_, index) => opened.ledger.probe(now + index))
      await expect(Promise.all(probes)).resolves.toHaveLength(8)
    })
  })
}
