import { connect, type Socket } from 'node:net'

/** Sends one request after the other over a connection that is renewed when the gateway closes it. */
export class LineClient implements Disposable {
  readonly #port: number
  #socket: Socket | undefined
  #text = ''
  #wake: () => void = () => undefined

  constructor(url: string) {
    this.#port = Number(new URL(url).port)
  }

  /** @returns the status and whole text of the answer; status 0 when the connection was closed without any */
  async send(bytes: string): Promise<{ readonly status: number; readonly text: string }> {
    const socket = this.#socket ?? this.#open()
    this.#text = ''
    socket.write(Buffer.from(bytes, 'latin1'))
    for (;;) {
      const whole = wholeAnswer(this.#text, bytes.startsWith('HEAD '))
      if (whole !== undefined) {
        if (/\r\nconnection: close/i.test(whole)) this.#drop(socket)
        return { status: Number(whole.slice(9, 12)), text: whole }
      }
      if (this.#socket !== socket) return { status: 0, text: this.#text }
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  #open(): Socket {
    const socket = connect(this.#port, '127.0.0.1')
    socket.setNoDelay(true)
    // A request that the gateway still waits for the rest of.
    socket.setTimeout(2_000, () => this.#drop(socket))
    socket.on('data', (chunk: Buffer) => {
      if (this.#socket !== socket) return
      this.#text += chunk.toString('latin1')
      this.#wake()
    })
    socket.on('error', () => undefined)
    socket.on('close', () => this.#drop(socket))
    this.#socket = socket
    return socket
  }

  #drop(socket: Socket): void {
    socket.destroy()
    if (this.#socket !== socket) return
    this.#socket = undefined
    this.#wake()
  }

  [Symbol.dispose](): void {
    this.#socket?.destroy()
  }
}

function wholeAnswer(text: string, headOnly: boolean): string | undefined {
  const headEnd = text.indexOf('\r\n\r\n')
  if (headEnd < 0) return undefined
  if (headOnly) return text
  const head = text.slice(0, headEnd)
  if (/\r\ntransfer-encoding: chunked/i.test(head)) return text.endsWith('0\r\n\r\n') ? text : undefined
  const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0)
  return text.length >= headEnd + 4 + length ? text : undefined
}
