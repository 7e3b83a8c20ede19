import { createServer } from 'node:net'
import { reportListening } from './child.ts'

/**
 * The trivial upstream: a small JSON answer to anything, at once. It speaks just enough HTTP on a bare socket to cost
 * next to nothing, so that what is measured is the proxy in front of it.
 */
const body = JSON.stringify({ audioUrl: 'https://example.com/song.wav', note: 'x'.repeat(200) })
const answer = Buffer.from(
  `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
)

const server = createServer({ noDelay: true }, (socket) => {
  let pending = ''
  socket.on('data', (chunk) => {
    pending += chunk.toString('latin1')
    for (;;) {
      const end = pending.indexOf('\r\n\r\n')
      if (end < 0) return
      const length = Number(/\r\ncontent-length: *([0-9]+)/i.exec(pending.slice(0, end))?.[1] ?? 0)
      if (pending.length < end + 4 + length) return
      pending = pending.slice(end + 4 + length)
      socket.write(answer)
    }
  })
  socket.on('error', () => socket.destroy())
})
reportListening(server)
