import type Database from 'better-sqlite3'
import type { Frame } from '../../ports/ledger.ts'

interface FrameRow {
  seq: number
  kind: Frame['kind']
  sealed: Buffer
}

export class FrameTable {
  readonly #insert: Database.Statement<[number, number, number, string, Uint8Array]>
  readonly #select: Database.Statement<[Buffer, number, number], FrameRow>
  readonly #delete: Database.Statement<[number]>

  constructor(database: Database.Database) {
    this.#insert = database.prepare('INSERT INTO frame (job, epoch, seq, kind, sealed) VALUES (?, ?, ?, ?, ?)')
    this.#select = database.prepare(
      `SELECT seq, kind, sealed FROM frame
       WHERE job = (SELECT number FROM payment WHERE hash = ?) AND epoch = ? AND seq >= ? ORDER BY seq`,
    )
    this.#delete = database.prepare('DELETE FROM frame WHERE job = ?')
  }

  insert(job: number, epoch: number, frames: readonly Frame[]): void {
    for (const { seq, kind, sealed } of frames) this.#insert.run(job, epoch, seq, kind, sealed)
  }

  deleteAll(job: number): void {
    this.#delete.run(job)
  }

  read(paymentHash: string, epoch: number, fromSeq: number, maxBytes: number): Frame[] {
    const frames: Frame[] = []
    let bytes = 0
    for (const row of this.#select.iterate(Buffer.from(paymentHash, 'hex'), epoch, fromSeq)) {
      if (frames.length > 0 && bytes + row.sealed.length > maxBytes) break
      frames.push(row)
      bytes += row.sealed.length
    }
    return frames
  }
}
