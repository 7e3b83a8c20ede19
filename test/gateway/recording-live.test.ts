import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { Recording, RecordingLost } from '#src/gateway/redeem/recording.ts'
import { Sealer } from '#src/gateway/redeem/seal.ts'
import { readCommitted, readRecording } from '#src/gateway/redeem/stored.ts'
import type { Frame } from '#src/ports/ledger.ts'
import { bytesOf, framesFrom } from './recorded.ts'

const MiB = 2 ** 20

/** A recording whose appends are committed when the test says so. */
function makeRecording({ keepAll = false } = {}) {
  const scope = { preimage: 'ab'.repeat(32), paymentHash: 'cd'.repeat(32), epoch: 1, salt: randomBytes(16) }
  const committed: Frame[] = []
  const waiting: { frames: readonly Frame[]; resolve: (stored: boolean) => void }[] = []
  const recording = new Recording(
    new Sealer({ ...scope, purpose: 'result' }),
    (frames) => {
      const { promise, resolve } = Promise.withResolvers<boolean>()
      waiting.push({ frames, resolve })
      return promise
    },
    keepAll,
  )
  recording.begin({ status: 200, headers: [], framing: 'chunked' })
  const settle = async (stored: boolean): Promise<void> => {
    await new Promise((resolve) => setImmediate(resolve))
    const next = waiting.shift()
    if (!next) throw new Error('nothing waits to be stored')
    if (stored) committed.push(...next.frames)
    next.resolve(stored)
    await new Promise((resolve) => setImmediate(resolve))
  }
  const ledger = readCommitted(framesFrom(committed), { ...scope, jobId: '' })
  return { recording, waiting, commit: () => settle(true), fence: () => settle(false), ledger }
}

/** Whether a promise has settled by now. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol('pending')
  const first = await Promise.race([
    promise.catch(() => undefined),
    new Promise((resolve) => setImmediate(() => resolve(pending))),
  ])
  return first !== pending
}

describe('an answer while it comes', () => {
  test('holds the upstream back once two mebibytes wait to be stored, until they are', async () => {
    const { recording, commit } = makeRecording()
    expect(recording.write(bytesOf(MiB))).toBeUndefined()
    expect(recording.write(bytesOf(MiB))).toBeUndefined()
    const held = recording.write(bytesOf(MiB))
    expect(held).toBeDefined()
    expect(await isSettled(held ?? Promise.resolve())).toBe(false)
    await commit()
    expect(await isSettled(held ?? Promise.resolve())).toBe(false)
    await commit()
    expect(await isSettled(held ?? Promise.resolve())).toBe(true)
  })

  test('leaves memory once it is stored, and is followed from the ledger from then on', async () => {
    const { recording, commit, ledger } = makeRecording()
    void recording.write(bytesOf(MiB))
    void recording.write(bytesOf(MiB + 10))
    expect(recording.body).toBeDefined()
    expect(recording.slice(0)?.length).toBe(MiB)
    await commit()
    expect(recording.body).toBeUndefined()
    expect(recording.slice(0)).toBeUndefined()
    const piece = await readRecording(recording, ledger, 5)
    expect(piece.equals(Buffer.concat([bytesOf(MiB), bytesOf(MiB)]).subarray(5, 5 + piece.length))).toBe(true)
  })

  test('stays in memory whole where its schema has to be checked', async () => {
    const { recording, commit } = makeRecording({ keepAll: true })
    void recording.write(bytesOf(MiB))
    void recording.write(bytesOf(MiB))
    await commit()
    expect(Buffer.concat(recording.body ?? [])).toHaveLength(2 * MiB)
    expect(recording.slice(0)?.length).toBe(MiB)
  })

  test('can be followed from every place that memory holds, and has nothing beyond its end', () => {
    const { recording } = makeRecording()
    void recording.write(Buffer.from('abc'))
    void recording.write(Buffer.from('defg'))
    const read = (position: number) => recording.slice(position)?.toString()
    expect([0, 1, 2, 3, 5, 6, 7, 9].map(read)).toEqual(['abc', 'bc', 'c', 'defg', 'fg', 'g', '', ''])
  })

  test('tells whoever follows it of its head, every piece and its end', async () => {
    const { recording } = makeRecording()
    const happenings = [() => void recording.write(Buffer.from('a')), () => recording.end()]
    for (const happen of happenings) {
      const changed = recording.changed()
      expect(await isSettled(changed)).toBe(false)
      happen()
      expect(await isSettled(changed)).toBe(true)
    }
    expect(recording.ended).toBe(true)
  })

  test('is lost for whoever writes or ends it when another run has begun', async () => {
    const { recording, fence } = makeRecording()
    void recording.write(bytesOf(2 * MiB))
    const held = recording.write(bytesOf(2 * MiB))
    await fence()
    await expect(held).rejects.toBeInstanceOf(RecordingLost)
    await expect(recording.finish()).rejects.toBeInstanceOf(RecordingLost)
  })

  test('without a head cannot end as an answer', async () => {
    const sealer = new Sealer({
      preimage: 'ab'.repeat(32),
      paymentHash: 'cd'.repeat(32),
      epoch: 1,
      salt: randomBytes(16),
      purpose: 'result',
    })
    const recording = new Recording(sealer, () => Promise.resolve(true), false)
    await expect(recording.finish()).rejects.toBeInstanceOf(RecordingLost)
  })
})
