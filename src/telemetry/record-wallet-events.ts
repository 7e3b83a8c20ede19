import type { Logger } from './logger.ts'
import type { WalletEvents } from './wallet-events.ts'
import type { WalletMetrics } from './wallet-metrics.ts'

/** Events of the wallets as log lines and metrics. */
export function recordWalletEvents(logger: Logger, metrics: WalletMetrics): WalletEvents {
  return {
    walletCalled(wallet, operation, outcome, ms) {
      metrics.calls.observe({ wallet, operation, outcome }, ms / 1000)
    },
    walletChanged(wallet, change) {
      const line = { event: 'wallet', wallet, change: change.kind }
      switch (change.kind) {
        case 'ready':
          metrics.up.set({ wallet }, 1)
          logger.info(
            { ...line, kind: change.walletKind, network: change.network, unit_msat: Number(change.unitMsat) },
            'the wallet is ready',
          )
          return
        case 'not_started':
          metrics.up.set({ wallet }, 0)
          logger.error({ ...line, reason: change.reason }, 'the wallet cannot be started; it is tried again and again')
          return
        case 'paused':
          metrics.up.set({ wallet }, 0)
          logger.warn({ ...line, reason: change.reason, for_ms: change.forMs }, 'the wallet is left alone for a while')
          return
        case 'resumed':
          metrics.up.set({ wallet }, 1)
          logger.info(line, 'the wallet makes invoices again')
          return
      }
    },
    walletWarned(wallet, warning) {
      logger.warn({ event: 'wallet_warning', wallet, warning }, 'the wallet needs a look')
    },
    sellingChanged(stopped) {
      if (stopped === undefined) logger.info({ event: 'selling', on: true }, 'invoices are made again')
      else
        logger.error({ event: 'selling', on: false, reason: stopped }, 'no invoice can be made; paid tokens still work')
    },
    settlementsChanged(wallet, interrupted) {
      metrics.following.set({ wallet }, interrupted === undefined ? 1 : 0)
      const line = { event: 'settlements', wallet, followed: interrupted === undefined }
      if (interrupted === undefined) logger.info(line, 'settlements are followed')
      else logger.warn({ ...line, reason: interrupted }, 'settlements are not followed; it is tried again and again')
    },
    settled(wallet, receivedMsat) {
      metrics.settled.inc({ wallet })
      if (receivedMsat !== undefined) metrics.settledSats.inc({ wallet }, Number(receivedMsat) / 1000)
    },
    settlementMissing(wallet) {
      metrics.settlementMissing.inc({ wallet })
      logger.error(
        { event: 'settlement_missing', wallet },
        'a payment was redeemed that no wallet says it has received; see `turnpike reconcile`',
      )
    },
  }
}
