import type { IncomingMessage } from 'node:http'

/** Takes a millisecond or two where fresh memory is cheap, and ten on some virtual machines. */
const bytesPerTurn = 2 ** 18
const resumedPerTurn = 4
/** What Node reads at once: most requests come whole in it. */
const smallBytes = 64 * 1024

/**
 * Shares the thread among bodies that come in at the same time: when so much was read in one turn of the event loop, those
 * that bring more wait for one of the next. Without it one turn reads all that every connection has to give, hundreds of
 * megabytes, and whoever needs ten turns for a paid request waits ten times for that. Small bodies wait for nobody: to pause
 * them would put those who have paid into the line of those who flood.
 */
export class ReadingTurns {
  #bytes = 0
  /** Paused, the one that waits for longest first. */
  readonly #waiting = new Set<IncomingMessage>()
  #isScheduled = false

  /**
   * A piece of a body was read; pauses the request if it is not its turn any more.
   * @param bytes of this piece
   * @param soFar bytes of the body until now, this piece among them
   */
  read(incoming: IncomingMessage, bytes: number, soFar: number): void {
    this.#bytes += bytes
    this.#schedule()
    if (soFar <= smallBytes || this.#bytes <= bytesPerTurn) return
    incoming.pause()
    this.#waiting.add(incoming)
  }

  /** Nothing more is read of it: it is not resumed. */
  leave(incoming: IncomingMessage): void {
    this.#waiting.delete(incoming)
  }

  #turn(): void {
    this.#bytes = 0
    this.#isScheduled = false
    for (const incoming of this.#waiting.values().take(resumedPerTurn)) {
      this.#waiting.delete(incoming)
      incoming.resume()
    }
    if (this.#waiting.size > 0) this.#schedule()
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => this.#turn())
  }
}
