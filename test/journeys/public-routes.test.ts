import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { createApp } from '#src/app.ts'
import { send } from '../support/buyer.ts'
import { openGateway } from '../support/gateway.ts'
import { makeSite } from '../support/process.ts'
import { makeShop } from '../support/shop.ts'
import { openUpstream } from '../support/upstream.ts'

describe('the public listener', () => {
  test('has the pages of the site, and what is for sale', () => {
    const { routes } = createApp({ sitePrefix: '/l402', context: () => undefined })
    const handlers = routes.map(({ method, path }) => `${method} ${path}`)
    expect(handlers).toEqual([
      'ALL /*',
      'OPTIONS /l402/*',
      'GET /l402/services',
      'GET /l402/problems/:code',
      'ALL /l402/quote/*',
      'ALL /l402/jobs/*',
      'ALL /*',
    ])
  })

  test('knows none of the places where others are managed, watched or described', async () => {
    const paths = [
      ['/', '/metrics', '/health', '/healthz', '/livez', '/readyz', '/ready', '/status', '/server-status', '/ping'],
      ['/admin', '/admin/', '/api/admin/services', '/dev/pay', '/reload', '/keys', '/refunds', '/revoke', '/payments'],
      ['/debug/pprof', '/debug/vars', '/actuator/env', '/graphql', '/swagger.json', '/openapi.json', '/docs'],
      ['/.env', '/.git/config', '/gateway.yaml', '/data/keys', '/ledger.sqlite', '/index.html', '/favicon.ico'],
      ['/robots.txt', '/.well-known/security.txt', '/static/', '/assets/', '/wp-login.php', '/cgi-bin/', '/l402'],
      ['/l402/', '/l402/admin', '/l402/metrics', '/l402/dev/pay', '/l402/keys', '/l402/problems', '/l402/quote'],
      ['/l402/jobs', '/l402/problems/constructor', '/l402/services/', '/L402/services', '/l402/services.json'],
    ].flat()
    await using upstream = await openUpstream()
    await using gateway = await openGateway({ config: makeShop(upstream.url), logLevel: 'silent' })
    for (const path of paths)
      for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'HEAD']) {
        const { status } = await send(gateway, { method, path })
        // A quote of nothing, and a job of nobody.
        expect([400, 401, 404, 405], `${method} ${path}`).toContain(status)
        if (!path.startsWith('/l402/')) expect([method, path, status]).toEqual([method, path, 404])
      }
    expect(upstream.calls).toEqual([])
    expect(gateway.wallet.asked).toEqual([])
  })
})

/** The ports on which a process listens, on any address. */
function listeningPorts(pid: number): number[] {
  const inodes = new Set(
    readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return /^socket:\[([0-9]+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? []
      } catch {
        return []
      }
    }),
  )
  return ['tcp', 'tcp6', 'udp', 'udp6'].flatMap((kind) =>
    readFileSync(`/proc/${pid}/net/${kind}`, 'utf8')
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter(([, , , state = '', , , , , , inode = '']) => /^(?:0A|07)$/.test(state) && inodes.has(inode))
      .map(([, local = '']) => Number.parseInt(local.slice(local.lastIndexOf(':') + 1), 16)),
  )
}

test.skipIf(process.platform !== 'linux')(
  'turnpike serve listens where its configuration says, and nowhere else',
  async () => {
    await using upstream = await openUpstream()
    using site = makeSite(makeShop(upstream.url))
    await using gateway = await site.start()
    const said = [gateway.url, gateway.adminUrl].map((url) => Number(new URL(url).port))
    expect(new Set(listeningPorts(gateway.child.pid ?? 0))).toEqual(new Set(said))
  },
)
