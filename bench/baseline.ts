import { createServer } from 'node:http'
import { Readable } from 'node:stream'
import { getRequestListener, type HttpBindings } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { Hono } from 'hono'
import { Pool } from 'undici'
import { reportListening } from './child.ts'

/**
 * What everything is compared with: a reverse proxy of hono and undici and nothing else. `bare` is written as one writes
 * it with hono, a Response with the upstream's body; `direct` goes around hono's Response to the socket, as fast as it
 * can be done. `node bench/baseline.ts <upstream origin> bare|direct`
 */
const [origin = '', kind] = process.argv.slice(2)
const pool = new Pool(origin)
const app = new Hono<{ Bindings: HttpBindings }>()

app.all('*', async (c) => {
  const { incoming, outgoing } = c.env
  const hasBody = incoming.method !== 'GET' && incoming.method !== 'HEAD'
  const { connection: _c, host: _h, ...passedOn } = incoming.headers
  const { statusCode, headers, body } = await pool.request({
    method: incoming.method ?? 'GET',
    path: incoming.url ?? '/',
    headers: passedOn,
    body: hasBody ? incoming : null,
  })
  const { connection: _u, 'keep-alive': _k, ...passedBack } = headers
  if (kind === 'bare') {
    return new Response(Readable.toWeb(body) as ReadableStream, {
      status: statusCode,
      headers: passedBack as Record<string, string>,
    })
  }
  outgoing.writeHead(statusCode, passedBack)
  body.pipe(outgoing)
  return RESPONSE_ALREADY_SENT
})

const listener = getRequestListener(app.fetch)
const server = createServer({ keepAliveTimeout: 75_000 }, (incoming, outgoing) => void listener(incoming, outgoing))
reportListening(server)
