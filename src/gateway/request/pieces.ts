/** A smaller piece is copied, since a buffer takes some hundreds of bytes besides its own. */
const smallBytes = 4 * 1024
const blockBytes = 16 * 1024

/**
 * The pieces of a body in their order. A client that sends it byte by byte must not make it take hundreds of times its
 * size in memory, so small ones are copied together.
 */
export class Pieces {
  readonly #pieces: Buffer[] = []
  /** What small pieces are copied into; the part before `#begin` has been taken already. */
  #block = Buffer.alloc(0)
  #begin = 0
  #end = 0

  add(piece: Buffer): void {
    // Most bodies are one piece.
    if (piece.length >= smallBytes || this.#pieces.length + this.#end === 0) {
      this.#close()
      this.#pieces.push(piece)
      return
    }
    if (this.#end + piece.length > this.#block.length) {
      this.#close()
      this.#block = Buffer.allocUnsafeSlow(blockBytes)
      this.#begin = this.#end = 0
    }
    this.#end += piece.copy(this.#block, this.#end)
  }

  /** All of them; nothing is added afterwards. */
  take(): Buffer[] {
    this.#close()
    return this.#pieces
  }

  #close(): void {
    if (this.#end > this.#begin) this.#pieces.push(this.#block.subarray(this.#begin, this.#end))
    this.#begin = this.#end
  }
}
