import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Catalog } from '../catalog/catalog.ts'
import { priceRule } from '../gateway/challenge.ts'

interface Page {
  readonly body: Buffer
  readonly headers: Readonly<Record<string, string>>
}

/** To write all schemas and examples out takes long where many services are sold; so once for each catalog. */
const pages = new WeakMap<Catalog, Page>()

/** What is sold, as JSON: 304 to those who have it (RFC 9110, section 13.1.2). */
export function sendServiceList(
  catalog: Catalog,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  common: Readonly<Record<string, string>>,
): void {
  const page = pages.get(catalog) ?? writePage(catalog)
  const { etag = '' } = page.headers
  const known = incoming.headers['if-none-match'] ?? ''
  if (known === '*' || known.includes(etag)) {
    outgoing.writeHead(304, { ...common, ...page.headers }).end()
    return
  }
  outgoing.writeHead(200, {
    ...common,
    ...page.headers,
    'content-type': 'application/json',
    'content-length': page.body.length,
  })
  outgoing.end(incoming.method === 'HEAD' ? undefined : page.body)
}

function writePage(catalog: Catalog): Page {
  const body = Buffer.from(JSON.stringify({ services: listServices(catalog) }))
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`
  const page = { body, headers: { etag, 'cache-control': 'no-cache' } }
  pages.set(catalog, page)
  return page
}

function listServices({ services }: Catalog) {
  return services.map(({ name, config, contract }) => ({
    name,
    methods: contract.route.methods,
    host: config.key.host,
    path: config.key.path,
    title: config.title,
    description: config.description,
    price: priceRule(contract.price),
    charge: contract.price === 'free' ? undefined : config.charge.when,
    schema: config.request.schema,
    query: config.request.query,
    examples: config.examples.map(({ title, path, query, body }) => ({
      title,
      path,
      query,
      ...(body.kind === 'json' && { body: body.value }),
    })),
  }))
}
