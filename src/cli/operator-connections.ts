import { canonicalAddress } from '../config/address-range.ts'
import { Connections } from '../gateway/limits/connections.ts'
import type { Events } from '../telemetry/events.ts'

/**
 * Probes and the operator need few. Those of both listeners together are far below the files that are kept back from
 * buyers, so that neither listener can run the other, or the shop, out of them.
 */
const rules = {
  addresses: { canonical: canonicalAddress, isProxy: () => false },
  connections: 64,
  connectionsPerClient: 16,
}

/** Counts the connections of a listener that is not for buyers. */
export const operatorConnections = (listener: 'admin' | 'health', events: Pick<Events, 'probeClosed'>): Connections =>
  new Connections({ rules: () => rules, onClosed: () => events.probeClosed(listener) })
