import type { ServerResponse } from 'node:http'

/**
 * A client that takes nothing for this long is gone, whatever its connection says: what waits for it would stay in
 * memory for as long as it likes. The kernels between it and us pass on what it takes in lumps of up to a megabyte, so a
 * slow one needs time to show that it moves.
 */
const stallMs = 120_000

/** Resolves when more may be written, or the client is gone. A client that takes bytes, however slowly, is not. */
export async function drained(outgoing: ServerResponse, withinMs = stallMs): Promise<void> {
  const { socket } = outgoing
  // Node looks at what the connection has taken, so this ends only one that stands still.
  socket?.setTimeout(withinMs)
  await either(outgoing, 'drain')
  socket?.setTimeout(0)
}

/** Resolves when all was handed to the connection. @returns false when the client went before */
export async function finished(outgoing: ServerResponse, withinMs = stallMs): Promise<boolean> {
  if (!outgoing.writableFinished && !outgoing.destroyed) {
    // At its end Node puts the time for the next request in this one's place.
    outgoing.socket?.setTimeout(withinMs)
    await either(outgoing, 'finish')
  }
  return outgoing.writableFinished
}

/** Waits for the event, or for the connection to close. */
function either(outgoing: ServerResponse, event: 'drain' | 'finish'): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      outgoing.off(event, done).off('close', done)
      resolve()
    }
    outgoing.on(event, done).on('close', done)
  })
}
