import { describe, expect, test } from 'vitest'
import { GatewayError } from '#src/errors.ts'
import { openStored } from '#src/gateway/redeem/stored.ts'
import type { Frame } from '#src/ports/ledger.ts'
import { makeRecord } from './payment-record.ts'
import { bytesOf, cut, framesFrom, type Recorded, record } from './recorded.ts'

const frameSize = 256 * 1024
const large = 5 * frameSize + 100

/** Reads a whole stored answer of which something was changed. @returns its size */
async function readChanged(recorded: Recorded, changed: readonly Frame[], overrides = {}): Promise<number> {
  const { record: row, preimage } = recorded
  const job = { ...row.job, ...overrides }
  const stored = await openStored(framesFrom(changed), makeRecord(job, { paymentHash: row.paymentHash }), preimage)
  let at = 0
  while (at < stored.size) at += (await stored.read(at)).length
  return at
}

const swapped = (frames: readonly Frame[], a: number, b: number): Frame[] =>
  frames.map((frame) => {
    const from = frame.seq === a ? b : frame.seq === b ? a : frame.seq
    return { ...frame, sealed: frames[from]?.sealed ?? frame.sealed }
  })

function flipped(frames: readonly Frame[], seq: number, at: number): Frame[] {
  return frames.map((frame) => {
    if (frame.seq !== seq) return frame
    const sealed = Buffer.from(frame.sealed)
    const place = at < 0 ? sealed.length + at : at
    sealed[place] = (sealed[place] ?? 0) ^ 1
    return { ...frame, sealed }
  })
}

const recordLarge = () => record({ chunks: cut(bytesOf(large), [65_536]) })

test('what was fetched ahead of a client that keeps us waiting is forgotten, and fetched again', async () => {
  const { ledger, record: row, preimage } = await recordLarge()
  const asked: number[] = []
  const counting: typeof ledger = {
    frames(...from) {
      asked.push(from[2])
      return ledger.frames(...from)
    },
  }
  const stored = await openStored(counting, row, preimage)
  await stored.read(0)
  await stored.read(frameSize)
  expect(asked).toEqual([0, 2])
  stored.rest()
  expect((await stored.read(frameSize)).equals(bytesOf(large).subarray(frameSize, 2 * frameSize))).toBe(true)
  expect(asked).toEqual([0, 2, 2])
})

describe('a stored answer', () => {
  test('is read when nothing was changed', async () => {
    const recorded = await recordLarge()
    expect(await readChanged(recorded, recorded.frames)).toBe(large)
  })

  const changes: readonly (readonly [string, (frames: readonly Frame[]) => Frame[]])[] = [
    ['two frames changed places', (frames) => swapped(frames, 1, 2)],
    ['the last frame stands before its end', (frames) => swapped(frames, 5, 6)],
    [
      'a frame stands where another was',
      (frames) => frames.map((each) => (each.seq === 3 ? { ...each, sealed: frames[2]?.sealed ?? each.sealed } : each)),
    ],
    ['a bit of the head changed', (frames) => flipped(frames, 0, 20)],
    ['a bit of the body changed', (frames) => flipped(frames, 4, 1000)],
    ['a bit of a seal changed', (frames) => flipped(frames, 4, -1)],
    ['a frame says that it is the last', (frames) => flipped(frames, 4, 0)],
    ['the last frame says that it is not', (frames) => flipped(frames, 6, 0)],
    [
      'a frame was cut',
      (frames) => frames.map((each) => (each.seq === 2 ? { ...each, sealed: each.sealed.subarray(0, -1) } : each)),
    ],
    [
      'a frame is empty',
      (frames) => frames.map((each) => (each.seq === 2 ? { ...each, sealed: new Uint8Array() } : each)),
    ],
    ['a frame in the middle is gone', (frames) => frames.filter(({ seq }) => seq !== 3)],
    ['the last frame is gone', (frames) => frames.filter(({ seq }) => seq !== 6)],
    ['the head is gone', (frames) => frames.filter(({ seq }) => seq !== 0)],
    ['everything is gone', () => []],
  ]

  test.for(changes)('is refused as soon as one comes to where %s', async ([, change]) => {
    const recorded = await recordLarge()
    const reading = readChanged(recorded, change(recorded.frames))
    await expect(reading).rejects.toMatchObject({ name: 'GatewayError', code: 'internal' })
  })

  test('is refused when it was cut at a frame and its row says so too', async () => {
    const recorded = await recordLarge()
    const cutFrames = recorded.frames.filter(({ seq }) => seq <= 3)
    const reading = readChanged(recorded, cutFrames, { resultBytes: 3 * frameSize })
    await expect(reading).rejects.toBeInstanceOf(GatewayError)
  })

  test('is refused when its row says that it ends earlier', async () => {
    const recorded = await recordLarge()
    const reading = readChanged(recorded, recorded.frames, { resultBytes: 2 * frameSize })
    await expect(reading).rejects.toBeInstanceOf(GatewayError)
  })

  test('is refused under frames of another run of the same payment', async () => {
    const first = await recordLarge()
    const second = await record({ chunks: cut(bytesOf(large), [65_536]), preimage: first.preimage, epoch: 2 })
    const mixed = second.frames.map((frame) => (frame.seq === 2 ? (first.frames[2] ?? frame) : frame))
    await expect(readChanged(second, mixed)).rejects.toBeInstanceOf(GatewayError)
  })

  test('is refused to whoever does not know the preimage', async () => {
    const recorded = await recordLarge()
    const opening = openStored(recorded.ledger, recorded.record, '00'.repeat(32))
    await expect(opening).rejects.toBeInstanceOf(GatewayError)
  })

  test('tells nothing of the secrets when it is refused', async () => {
    const recorded = await recordLarge()
    const problem = await openStored(recorded.ledger, recorded.record, '00'.repeat(32)).catch(
      (thrown: unknown) => thrown,
    )
    const said = `${String(problem)} ${String((problem as Error).cause)}`
    expect(said).not.toContain(recorded.preimage)
    expect(said).not.toContain(recorded.record.paymentHash)
  })
})
