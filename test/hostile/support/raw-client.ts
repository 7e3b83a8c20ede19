import { connect } from 'node:net'

/** What came back for bytes that were sent: the status of every final answer, in order, and all of the text. */
export interface RawAnswer {
  readonly statuses: readonly number[]
  readonly text: string
  /** The gateway closed the connection. */
  readonly closed: boolean
}

export interface RawSending {
  /** Ends once this many final answers have come. */
  readonly answers?: number
  /** Ends when nothing has come for so long. */
  readonly quietMs?: number
}

/** Sends bytes as they are, over a connection of their own, and reads until the gateway closes or falls silent. */
export function sendRaw(
  { url }: { readonly url: string },
  bytes: string | readonly string[],
  { answers = 1, quietMs = 1_500 }: RawSending = {},
): Promise<RawAnswer> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve) => {
    let text = ''
    let closed = false
    const socket = connect(Number(port), hostname)
    const finish = (): void => {
      clearTimeout(quiet)
      socket.destroy()
      resolve({ statuses: statusesOf(text), text, closed })
    }
    const quiet = setTimeout(finish, quietMs)
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
      quiet.refresh()
      if (statusesOf(text).length >= answers && isWhole(text)) finish()
    })
    socket.on('error', () => undefined)
    socket.on('close', () => {
      closed = true
      finish()
    })
    const write = async (): Promise<void> => {
      for (const piece of typeof bytes === 'string' ? [bytes] : bytes) {
        if (socket.destroyed) return
        socket.write(Buffer.from(piece, 'latin1'))
        if (typeof bytes !== 'string') await new Promise((next) => setTimeout(next, 15))
      }
    }
    socket.on('connect', () => void write())
  })
}

const statusesOf = (text: string): number[] =>
  [...text.matchAll(/(?:^|\n|\}|\0)HTTP\/1\.[01] (\d{3})/g)]
    .map(([, status]) => Number(status))
    .filter((status) => status >= 200)

/** True when the last answer's body has come: ours all have a length, or none at all. */
function isWhole(text: string): boolean {
  const last = text.slice(Math.max(0, text.lastIndexOf('HTTP/1.1 ')))
  const headEnd = last.indexOf('\r\n\r\n')
  if (headEnd < 0) return false
  const length = /\r\ncontent-length: (\d+)/i.exec(last.slice(0, headEnd))?.[1]
  if (length === undefined)
    return !/\r\ntransfer-encoding: chunked/i.test(last.slice(0, headEnd)) || last.endsWith('0\r\n\r\n')
  return last.length >= headEnd + 4 + Number(length)
}
