import { Hono } from 'hono'
import type { Registry } from 'prom-client'
import type { Readiness } from './readiness.ts'

/** `/livez`, `/readyz` and `/metrics`, for probes. */
export function createHealthApp(readiness: Readiness, registry: Registry): Hono {
  const app = new Hono()
  app.get('/livez', (c) => c.json({ status: 'alive' }))
  app.get('/readyz', async (c) => {
    const answer = await readiness.check()
    if (!answer.ready) return c.json({ status: 'not ready', reason: answer.reason }, 503)
    const { notice } = readiness
    return c.json({
      status: 'ready',
      ...(answer.degraded.length > 0 && { degraded: answer.degraded }),
      ...(notice !== undefined && { notice }),
    })
  })
  app.get('/metrics', async (c) => c.text(await registry.metrics(), 200, { 'content-type': registry.contentType }))
  app.notFound((c) => c.json({ error: 'not found' }, 404))
  return app
}
