import { type Context, Hono } from 'hono'
import { LedgerError } from '../ports/ledger.ts'
import type { KeyCommands } from './keys.ts'
import type { CommandAnswer, PaymentCommands } from './payments.ts'

export interface Commands {
  readonly payments: PaymentCommands
  readonly keys: KeyCommands
}

const longestNote = 1_000

/**
 * The operator’s commands that write. Each takes `application/json`, which a web page of another origin cannot send
 * without asking first.
 * @param commands undefined while the gateway is starting
 */
export function createCommandsApp(commands: () => Commands | undefined): Hono {
  const app = new Hono()
  const run = async (c: Context, answer: (commands: Commands, body: Body) => Promise<CommandAnswer>) => {
    const ready = commands()
    if (!ready) return c.json({ error: 'the gateway is starting' }, 503)
    if (c.req.header('content-type')?.split(';')[0] !== 'application/json') return c.json({ error: 'send JSON' }, 415)
    const body: unknown = await c.req.json().catch(() => undefined)
    if (typeof body !== 'object' || body === null) return c.json({ error: 'send a JSON object' }, 400)
    try {
      return sent(c, await answer(ready, body as Body))
    } catch (thrown) {
      if (!(thrown instanceof LedgerError)) throw thrown
      return c.json({ error: `the ledger cannot be written now: ${thrown.code}` }, 503)
    }
  }
  const reference = (c: Context) => (c.req.param('reference') ?? '').toLowerCase()
  app.post('/payments/:reference{[0-9a-fA-F]{32,64}}/revoke', (c) =>
    run(c, ({ payments }) => payments.revoke(reference(c))),
  )
  app.post('/refunds/:reference{[0-9a-fA-F]{32,64}}/mark', (c) =>
    run(c, ({ payments }, { note }) =>
      typeof note === 'string' && note.trim() !== '' && note.length <= longestNote
        ? payments.markRefunded(reference(c), note.trim())
        : refused(`send {"note": "…"}: how it was refunded, at most ${longestNote} characters`),
    ),
  )
  app.post('/refunds/:reference{[0-9a-fA-F]{32,64}}/reopen', (c) =>
    run(c, ({ payments }, { forMs }) =>
      forMs === undefined ||
      (typeof forMs === 'number' && Number.isSafeInteger(forMs) && forMs > 0 && forMs <= longestMs)
        ? payments.reopen(reference(c), forMs)
        : refused('`forMs` is not a time of at most 366 days'),
    ),
  )
  app.get('/keys', async (c) => {
    const ready = commands()
    return ready ? c.json({ keys: await ready.keys.list() }) : c.json({ error: 'the gateway is starting' }, 503)
  })
  app.post('/keys/rotate', (c) => run(c, ({ keys }) => keys.rotate()))
  app.post('/keys/:id{[0-9]{1,3}}/retire', (c) => run(c, ({ keys }) => keys.retire(Number(c.req.param('id')))))
  return app
}

type Body = Readonly<Record<string, unknown>>

const longestMs = 366 * 24 * 3_600_000

const refused = (text: string): Promise<CommandAnswer> => Promise.resolve({ kind: 'refused', text })

function sent(c: Context, answer: CommandAnswer): Response {
  switch (answer.kind) {
    case 'done':
    case 'already':
      return c.json(answer)
    case 'unknown':
      return c.json({ error: answer.text }, 404)
    case 'refused':
      return c.json({ error: answer.text }, 409)
  }
}
