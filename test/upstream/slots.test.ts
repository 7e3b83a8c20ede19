import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type SlotEntrance, Slots } from '#src/upstream/slots.ts'

/** Requests that come, leave and end in any order. */
const command = fc.oneof(
  fc.record({ kind: fc.constant('come' as const), key: fc.integer({ min: 0, max: 7 }) }),
  fc.record({ kind: fc.constant('leave' as const), which: fc.nat() }),
  fc.record({ kind: fc.constant('begin' as const), which: fc.nat() }),
  fc.record({ kind: fc.constant('giveBack' as const), which: fc.nat() }),
  fc.record({ kind: fc.constant('end' as const), which: fc.nat() }),
)

type Slot = Extract<SlotEntrance, { kind: 'granted' }>['slot']

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

test('never more run or wait than may, first come is first served, and nobody waits while there is room', async () => {
  const property = fc.asyncProperty(
    fc.array(command, { maxLength: 60 }),
    fc.integer({ min: 1, max: 3 }),
    fc.integer({ min: 0, max: 3 }),
    async (commands, running, waiting) => {
      const slots = new Slots(
        () => ({ running, waiting, waitMs: 60_000 }),
        () => 0,
        () => undefined,
      )
      const inside: { key: number; slot: Slot }[] = []
      const ends: (() => void)[] = []
      /** Keys in the order in which they began to wait, and in which they were let in. */
      const queue: number[] = []
      const overtaken: number[] = []
      const present: { key: number; left: AbortController }[] = []
      const come = (key: number) => {
        const left = new AbortController()
        const isNew = !queue.includes(key) && !inside.some((each) => each.key === key)
        const before = slots.queued
        void slots.enter(`${key}`, left.signal).then((entrance) => {
          if (entrance.kind !== 'granted') return
          const place = queue.indexOf(key)
          if (place > 0) overtaken.push(key)
          if (place === 0) queue.shift()
          inside.push({ key, slot: entrance.slot })
        })
        present.push({ key, left })
        if (isNew && slots.queued > before) queue.push(key)
      }
      for (const each of commands) {
        if (each.kind === 'come') come(each.key)
        if (each.kind === 'leave' && present.length > 0) {
          const [gone] = present.splice(each.which % present.length, 1)
          gone?.left.abort()
          if (gone && !present.some(({ key }) => key === gone.key) && queue.includes(gone.key))
            queue.splice(queue.indexOf(gone.key), 1)
        }
        if (each.kind === 'begin' && inside.length > 0) {
          const [begun] = inside.splice(each.which % inside.length, 1)
          begun?.slot.keepUntil(new Promise<void>((resolve) => ends.push(resolve)))
        }
        if (each.kind === 'giveBack' && inside.length > 0)
          inside.splice(each.which % inside.length, 1)[0]?.slot[Symbol.dispose]()
        if (each.kind === 'end' && ends.length > 0) ends.splice(each.which % ends.length, 1)[0]?.()
        await turn()
        expect(slots.running).toBe(inside.length + ends.length)
        expect(slots.running).toBeLessThanOrEqual(running)
        expect(slots.queued).toBeLessThanOrEqual(waiting)
        expect(slots.queued).toBe(queue.length)
        expect(overtaken).toEqual([])
        if (slots.running < running) expect(slots.queued).toBe(0)
      }
      for (const { slot } of inside) slot[Symbol.dispose]()
      for (const { left } of present) left.abort()
    },
  )
  await fc.assert(property, { numRuns: 150 })
})

test('a slot is given back once, however often that is said', async () => {
  const slots = new Slots(
    () => ({ running: 1, waiting: 1, waitMs: 60_000 }),
    () => 0,
    () => undefined,
  )
  const { signal } = new AbortController()
  const entrance = await slots.enter('a', signal)
  if (entrance.kind !== 'granted') throw new Error('there is room')
  entrance.slot[Symbol.dispose]()
  entrance.slot[Symbol.dispose]()
  expect(slots.running).toBe(0)
  expect(() => entrance.slot.keepUntil(Promise.resolve())).toThrow('given back before')
})
