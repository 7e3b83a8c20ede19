import type { Catalog } from '../catalog/catalog.ts'
import type { Service } from '../catalog/service.ts'
import type { Clock } from '../ports/clock.ts'
import type { UpstreamGuard } from '../ports/guard.ts'
import type { InvoiceIssuer } from '../ports/issuer.ts'
import type { KeyRing } from '../ports/keys.ts'
import type { Ledger } from '../ports/ledger.ts'
import type { Revisions } from '../ports/revisions.ts'
import type { SettlementCheck } from '../ports/settlement.ts'
import type { Upstream } from '../ports/upstream.ts'
import type { Events } from '../telemetry/events.ts'
import type { DiskRoom } from './disk-room.ts'
import type { HoldDesk } from './hold/hold-desk.ts'
import type { ClientRules, ClientUse } from './limits/client-limits.ts'
import type { Arrivals } from './redeem/arrivals.ts'
import type { Deliveries } from './redeem/deliveries.ts'
import type { Jobs } from './redeem/jobs.ts'
import type { Releases } from './redeem/releases.ts'

/** Everything the request path needs, made once by the composition root. */
export interface Gateway {
  /** Today's catalog; a request keeps the one it began with. */
  readonly catalog: () => Catalog
  readonly revisions: Revisions<Service>
  readonly keys: KeyRing
  readonly ledger: Ledger
  readonly issuer: InvoiceIssuer
  readonly settlement: SettlementCheck
  readonly upstream: Upstream
  readonly guard: UpstreamGuard
  readonly room: DiskRoom
  readonly jobs: Jobs
  /** Where payments are held; undefined when nothing is sold that way. */
  readonly holdDesk: () => HoldDesk | undefined
  readonly deliveries: Deliveries
  readonly arrivals: Arrivals
  readonly releases: Releases
  readonly clock: Clock
  readonly random: (bytes: number) => Buffer
  readonly events: Events
  /** What clients have used of their limits. */
  readonly use: ClientUse
  readonly settings: GatewaySettings
}

export interface GatewaySettings {
  readonly invoiceExpiryMs: number
  readonly tokenTtlMs: number
  readonly legacyLsat: boolean
  readonly sitePrefix: string
  /** Stands in invoices. */
  readonly title: string
  /** Without a slash at the end; undefined: links are relative. */
  readonly publicUrl: string | undefined
  readonly contact: string | undefined
  readonly clients: ClientRules
  /** Whether an absolute URL on the request line names this gateway. */
  readonly isOwnHost: (host: string) => boolean
}

/** A mismatch within this time after the invoice could be paid is a client that changes its retry. */
export const mismatchGraceMs = 10 * 60_000
