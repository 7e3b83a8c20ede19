import { Gauge, type Registry } from 'prom-client'
import type { UpstreamStatus } from '../ports/guard.ts'

export interface GuardReadings {
  readonly upstreams: () => readonly UpstreamStatus[]
  readonly disk: () => Promise<{ readonly freeBytes: number | undefined; readonly promisedBytes: number }>
}

/** Gauges that are read when somebody asks for the metrics. */
export function measureGuards(registry: Registry, { upstreams, disk }: GuardReadings): void {
  const registers = [registry]
  const labelNames = ['upstream'] as const
  new Gauge({
    name: 'turnpike_upstream_breaker_state',
    help: '1 for the state that the breaker is in: nothing is sold while it is open',
    labelNames: [...labelNames, 'state'],
    registers,
    collect() {
      this.reset()
      for (const { name, breaker } of upstreams()) {
        for (const state of ['closed', 'half_open', 'open'] as const)
          this.set({ upstream: name, state }, state === breaker ? 1 : 0)
      }
    },
  })
  new Gauge({
    name: 'turnpike_upstream_running',
    help: 'Paid calls running now',
    labelNames,
    registers,
    collect() {
      this.reset()
      for (const { name, running } of upstreams()) this.set({ upstream: name }, running)
    },
  })
  new Gauge({
    name: 'turnpike_upstream_queued',
    help: 'Paid calls waiting for their turn now',
    labelNames,
    registers,
    collect() {
      this.reset()
      for (const { name, queued } of upstreams()) this.set({ upstream: name }, queued)
    },
  })
  new Gauge({
    name: 'turnpike_disk_free_bytes',
    help: 'Free on the disk of the ledger',
    registers,
    async collect() {
      const { freeBytes } = await disk()
      if (freeBytes === undefined) this.remove()
      else this.set(freeBytes)
    },
  })
  new Gauge({
    name: 'turnpike_disk_promised_bytes',
    help: 'The largest results that the runs under way may bring',
    registers,
    async collect() {
      this.set((await disk()).promisedBytes)
    },
  })
}

export function measureWebSockets(registry: Registry, open: () => number): void {
  new Gauge({
    name: 'turnpike_websockets_open',
    help: 'WebSockets that are open now, or in their handshake',
    registers: [registry],
    collect() {
      this.set(open())
    },
  })
}

export function measureConnections(registry: Registry, open: () => number): void {
  new Gauge({
    name: 'turnpike_connections_open',
    help: 'Connections of clients that are open now',
    registers: [registry],
    collect() {
      this.set(open())
    },
  })
}
