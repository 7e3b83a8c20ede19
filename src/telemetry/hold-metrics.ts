import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { HoldEvents } from './hold-events.ts'
import type { Logger } from './logger.ts'

const heldSeconds = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600]

/** What becomes of payments that are held. */
export class HoldMetrics {
  readonly accepted: Counter<'service'>
  readonly ended: Counter<'service' | 'end' | 'reason'>
  readonly seconds: Histogram<'service'>

  constructor(registry: Registry) {
    const registers = [registry]
    this.accepted = new Counter({
      name: 'turnpike_holds_accepted_total',
      help: 'Payments locked in for work to be done',
      labelNames: ['service'],
      registers,
    })
    this.ended = new Counter({
      name: 'turnpike_holds_ended_total',
      help: 'Held payments taken (for a result, or by patience) and let go (by reason)',
      labelNames: ['service', 'end', 'reason'],
      registers,
    })
    this.seconds = new Histogram({
      name: 'turnpike_hold_settled_seconds',
      help: 'From a payment being locked in to its being taken',
      labelNames: ['service'],
      buckets: heldSeconds,
      registers,
    })
  }
}

export function recordHoldEvents(logger: Logger, metrics: HoldMetrics): HoldEvents {
  return {
    heldAccepted(service) {
      metrics.accepted.inc({ service })
    },
    heldEnded(service, end, waitedMs) {
      const reason = end.kind === 'settled' ? end.by : end.reason
      metrics.ended.inc({ service, end: end.kind, reason })
      if (end.kind === 'settled') metrics.seconds.observe({ service }, waitedMs / 1000)
      logger.info(
        { event: 'held_ended', service, end: end.kind, reason, waited_ms: Math.round(waitedMs) },
        'hold ended',
      )
    },
  }
}

/** Gauges that are read when somebody asks for the metrics. */
export function measureHolds(registry: Registry, open: { readonly size: number; readonly bytes: number }): void {
  const registers = [registry]
  new Gauge({
    name: 'turnpike_hold_offers_open',
    help: 'Offers whose payment would be held',
    registers,
    collect() {
      this.set(open.size)
    },
  })
  new Gauge({
    name: 'turnpike_hold_offers_bytes',
    help: 'Sealed requests of open offers',
    registers,
    collect() {
      this.set(open.bytes)
    },
  })
}
