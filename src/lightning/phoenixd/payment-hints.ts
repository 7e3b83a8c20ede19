import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { EventEmitter, once } from 'node:events'
import { WalletError } from '../../ports/wallet.ts'
import { parseJson } from '../http/read-reply.ts'
import type { WalletHttp } from '../http/wallet-http.ts'
import { paymentReceived } from './replies.ts'

/** phoenixd pings every 10 s; a connection silent for longer is dead. */
const silenceMs = 30_000
const maxWaiting = 1_000
/** undici tells of pings only here. */
const pingChannel = 'undici:websocket:ping'

/**
 * The payment hashes that phoenixd's websocket names as received. Only hints: nothing is repeated after a gap, and those
 * that come faster than they are taken are dropped beyond a bound.
 * @throws WalletError `unavailable` when the websocket cannot be opened
 */
export async function* paymentHints(
  http: WalletHttp,
  signal: AbortSignal,
  options: { readonly silenceMs?: number } = {},
): AsyncGenerator<string, void, void> {
  if (signal.aborted) return
  const socket = http.openWebSocket('/websocket')
  const waiting: string[] = []
  const wake = new EventEmitter<{ change: [] }>()
  let ended = false
  let opened = false
  const end = () => {
    ended = true
    wake.emit('change')
  }
  const watchdog = setTimeout(end, options.silenceMs ?? silenceMs)
  const onPing = (message: unknown) => {
    if (isFrom(message, socket)) watchdog.refresh()
  }
  subscribe(pingChannel, onPing)
  signal.addEventListener('abort', end, { once: true })
  socket.addEventListener('open', () => {
    opened = true
    watchdog.refresh()
  })
  socket.addEventListener('error', end)
  socket.addEventListener('close', end)
  socket.addEventListener('message', ({ data }) => {
    watchdog.refresh()
    const event = typeof data === 'string' ? paymentReceived.safeParse(parseJson(data)) : undefined
    if (!event?.success || waiting.length >= maxWaiting) return
    waiting.push(event.data.paymentHash)
    wake.emit('change')
  })
  try {
    for (;;) {
      const paymentHash = waiting.shift()
      if (paymentHash !== undefined) yield paymentHash
      else if (ended) break
      else await once(wake, 'change')
    }
    if (!opened && !signal.aborted) {
      const { service, host } = http.endpoint
      throw new WalletError('unavailable', `The websocket of ${service} at ${host} cannot be opened.`)
    }
  } finally {
    clearTimeout(watchdog)
    unsubscribe(pingChannel, onPing)
    signal.removeEventListener('abort', end)
    socket.close()
  }
}

function isFrom(message: unknown, socket: object): boolean {
  return typeof message === 'object' && message !== null && 'websocket' in message && message.websocket === socket
}
