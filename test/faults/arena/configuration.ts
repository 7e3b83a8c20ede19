import type { HeldKind, Kind } from './buyer.ts'

export const msatPerUnit = 3_000n

/** Until when a payment for work that takes its time is held. */
export const shortHoldMs = 700
const longHoldMs = 20_000

/** How long a payment is held at most, where it is. */
export const holdMs: Readonly<Record<HeldKind, number>> = { held: longHoldMs, hasty: shortHoldMs, queued: shortHoldMs }

const lines: Readonly<Record<Kind, readonly string[]>> = {
  json: ['attempts: 20'],
  sse: ['attempts: 20', 'stream: true'],
  binary: ['attempts: 20'],
  held: ['attempts: 2', `charge: { on_delivery: { hold: ${longHoldMs}ms } }`],
  hasty: ['attempts: 1', `charge: { on_delivery: { hold: ${shortHoldMs}ms } }`],
  queued: ['attempts: 2', `charge: { on_delivery: { hold: ${shortHoldMs}ms } }`],
}

/** Everything that the arena sells. @param port of the service */
export const configuration = (port: number): string => `
data: ./data
log: { level: debug }
defaults: { timeout: 60s }
l402: { hold: { max_per_client: 1000, max_failed_per_client: 1000, max_failed_per_service: 1000 } }
upstreams:
  gpu: { url: "http://127.0.0.1:${port}", max_concurrent: 1, breaker: off }
  steady: { url: "http://127.0.0.1:${port}", breaker: off }
services:
${(Object.keys(lines) as Kind[])
  .map(
    (kind) => `
  POST /${kind}:
    name: ${kind}
    upstream: ${upstreamOf(kind, port)}
    price: { per_unit: { of: units, rate: 3 } }
    result: { ttl: 48h }
${lines[kind].map((line) => `    ${line}\n`).join('')}
    request:
      schema:
        type: object
        required: [units, note]
        properties:
          units: { type: integer, minimum: 1, maximum: 1000 }
          note: { type: string }
          quality: { type: string, default: good }
          hold: { type: string }
          failures: { type: integer }
          breaks: { type: boolean }
          refused: { type: boolean }
          paceMs: { type: integer }
          lateMs: { type: integer }
`,
  )
  .join('')}`

function upstreamOf(kind: Kind, port: number): string {
  switch (kind) {
    case 'held':
    case 'hasty':
      return `{ use: steady, path: /${kind} }`
    case 'queued':
      return `{ use: gpu, path: /${kind} }`
    default:
      return `http://127.0.0.1:${port}/${kind}`
  }
}
