import { afterAll, beforeAll } from 'vitest'
import type { Clock } from '#src/ports/clock.ts'
import { openGateway, type TestGateway } from './gateway.ts'
import { openUpstream, type TestUpstream } from './upstream.ts'

/** A gateway and the upstream it sells. */
export interface Shop {
  readonly upstream: TestUpstream
  readonly gateway: TestGateway
}

/** One shop for all tests of a file or a `describe`, which must not depend on what the others buy. It is open while they run. */
export function sharedShop(sells: (upstream: string) => string, clock?: Clock): Shop {
  const opened = new AsyncDisposableStack()
  const shop: Partial<Shop> = {}
  beforeAll(async () => {
    const upstream = opened.use(await openUpstream())
    const gateway = opened.use(await openGateway({ config: sells(upstream.url), ...(clock && { clock }) }))
    Object.assign(shop, { upstream, gateway })
  })
  afterAll(() => opened.disposeAsync())
  return shop as Shop
}
