import type { HttpBindings } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import { Hono } from 'hono'
import { type ErrorCode, errorCatalogue } from '../errors.ts'
import type { Gateway } from '../gateway/gateway.ts'
import { handleJob } from '../gateway/job-resource/handle-job.ts'
import { quoteRequest } from '../gateway/quote-request.ts'
import { ownHeaders } from '../gateway/respond.ts'
import type { RequestScope } from '../gateway/scope.ts'
import { sendServiceList } from './service-list.ts'

export type SiteEnvironment = { Bindings: HttpBindings; Variables: { scope: RequestScope; gateway: Gateway } }

const corsHeaders = { ...ownHeaders, 'access-control-allow-origin': '*', 'cache-control': 'no-store' }

/** Public pages and machine-readable answers under the site prefix. Nothing here costs anything. */
export function createSiteApp(prefix: string): Hono<SiteEnvironment> {
  const app = new Hono<SiteEnvironment>()
  app.options('/*', (c) =>
    c.body(null, 204, {
      ...corsHeaders,
      'access-control-allow-methods': 'GET, HEAD, POST, OPTIONS',
      'access-control-allow-headers': 'Content-Type, Authorization, Prefer, Range, If-Range',
    }),
  )
  app.get('/services', (c) => {
    sendServiceList(c.var.gateway.catalog(), c.env.incoming, c.env.outgoing, corsHeaders)
    return RESPONSE_ALREADY_SENT
  })
  app.get('/problems/:code', (c) => {
    const code = c.req.param('code')
    if (!Object.hasOwn(errorCatalogue, code)) return c.json({ error: 'there is no such problem' }, 404, corsHeaders)
    return c.json({ code, ...errorCatalogue[code as ErrorCode] }, 200, corsHeaders)
  })
  app.all('/quote/*', async (c) => {
    const url = (c.env.incoming.url ?? '').slice(prefix.length + '/quote'.length)
    const answer = await quoteRequest(c.var.gateway, c.env.incoming, c.env.outgoing, c.var.scope, url)
    return c.json(answer, 200, corsHeaders)
  })
  app.all('/jobs/*', async (c) => {
    const { incoming, outgoing } = c.env
    const [path = ''] = (incoming.url ?? '').slice(prefix.length + '/jobs/'.length).split('?')
    await handleJob(c.var.gateway, incoming, outgoing, c.var.scope, path)
    return RESPONSE_ALREADY_SENT
  })
  return app
}
