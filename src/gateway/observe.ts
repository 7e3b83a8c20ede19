import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Gateway } from './gateway.ts'
import type { RequestScope } from './scope.ts'

/** Writes the access line of a request when its connection is done with it, however it ended. */
export function observe(
  gateway: Gateway,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  scope: RequestScope,
): void {
  const { clock, events } = gateway
  // Kept here, since a request that was broken off has no socket any more.
  const { socket } = incoming
  const bytesBefore = socket.bytesWritten
  outgoing.once('close', () => {
    events.request({
      requestId: scope.id,
      method: incoming.method ?? '',
      service: scope.service,
      status: outgoing.statusCode,
      code: scope.code,
      money: scope.money,
      paymentRef: scope.paymentRef,
      totalMs: clock.monotonicMs() - scope.startedMs,
      ownMs: scope.ownMs(),
      bytesOut: socket.bytesWritten - bytesBefore,
      brokenOff: !outgoing.writableFinished,
    })
  })
}
