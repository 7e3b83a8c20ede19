import type { Events, JobFacts } from './events.ts'
import { recordHoldEvents } from './hold-metrics.ts'
import type { Logger } from './logger.ts'
import type { Metrics } from './metrics.ts'
import { recordWalletEvents } from './record-wallet-events.ts'
import { Seldom } from './seldom.ts'

/** Events as log lines and metrics. */
export function recordEvents(logger: Logger, metrics: Metrics): Events {
  const sats = (msat: bigint) => Number(msat) / 1000
  const facts = ({ service, jobId, epoch }: JobFacts) => ({ service, job: jobId, epoch })
  const tooMany = { all: new Seldom(minuteMs), client: new Seldom(minuteMs) }
  const tooManyProbes = { admin: new Seldom(minuteMs), health: new Seldom(minuteMs) }
  return {
    ...recordWalletEvents(logger, metrics.wallets),
    ...recordHoldEvents(logger, metrics.holds),
    request(line) {
      const { requestId, service = 'none', status, money = 'none', totalMs, ownMs } = line
      metrics.requests.inc({ service, status, money })
      metrics.requestSeconds.observe({ service }, totalMs / 1000)
      metrics.ownSeconds.observe({ service }, ownMs / 1000)
      if (!logger.isLevelEnabled('info')) return
      logger.info(
        {
          event: 'request',
          request_id: requestId,
          method: line.method,
          service,
          status,
          code: line.code,
          money,
          payment_ref: line.paymentRef,
          total_ms: round(totalMs),
          own_ms: round(ownMs),
          bytes_out: line.bytesOut,
          ...(line.brokenOff && { broken_off: true }),
        },
        'request',
      )
    },
    challenged(service, priceMsat) {
      metrics.challenges.inc({ service })
      metrics.challengedSats.inc({ service }, sats(priceMsat))
    },
    notIssued(reason) {
      metrics.wallets.notIssued.inc({ reason })
    },
    claimed(job, priceMsat, first) {
      if (first) {
        metrics.payments.inc({ service: job.service })
        metrics.paidSats.inc({ service: job.service }, sats(priceMsat))
      }
      logger.debug({ event: 'claimed', ...facts(job), first }, 'payment claimed')
    },
    captured(job, bytes, upstreamMs) {
      metrics.runs.inc({ service: job.service, outcome: 'captured' })
      metrics.resultBytes.inc({ service: job.service }, bytes)
      metrics.upstreamSeconds.observe({ service: job.service }, upstreamMs / 1000)
      logger.debug({ event: 'captured', ...facts(job), bytes, upstream_ms: round(upstreamMs) }, 'result stored')
    },
    refused(job, status) {
      metrics.runs.inc({ service: job.service, outcome: 'refused' })
      logger.info({ event: 'refused', ...facts(job), upstream_status: status }, 'the upstream refused the request')
    },
    failed(job, { code, counted, givenUp, upstreamStatus }) {
      metrics.runs.inc({ service: job.service, outcome: givenUp ? 'given_up' : 'failed' })
      metrics.failures.inc({ service: job.service, code })
      if (givenUp) metrics.paidWithoutResult.inc({ service: job.service })
      const line = { event: 'failed', ...facts(job), code, counted, given_up: givenUp, upstream_status: upstreamStatus }
      if (givenUp) logger.error(line, 'a paid job was given up: a refund is due')
      else logger.warn(line, 'a paid job failed and can be tried again')
    },
    lost(job, cause) {
      metrics.runs.inc({ service: job.service, outcome: 'lost' })
      logger.error({ event: 'lost', ...facts(job), reason: reason(cause) }, 'the end of a run could not be stored')
    },
    delivered(job, replayed) {
      metrics.deliveries.inc({ service: job.service, replayed: String(replayed) })
      logger.debug({ event: 'delivered', ...facts(job), replayed }, 'result delivered')
    },
    breaker(upstream, state, by) {
      metrics.breakerChanges.inc({ upstream, state })
      const line = { event: 'breaker', upstream, state, by }
      if (state === 'closed') logger.info(line, 'the upstream is sold again')
      else logger.warn(line, 'the upstream counts as down: nothing of it is sold')
    },
    queued(upstream, waitedMs) {
      metrics.queueSeconds.observe({ upstream }, waitedMs / 1000)
    },
    limited(limit, service) {
      metrics.limited.inc({ limit, service })
    },
    connectionClosed(limit, which) {
      metrics.connectionsClosed.inc({ limit, which })
      const closed = tooMany[limit].count()
      if (closed === 0) return
      const whose =
        limit === 'all' ? 'of all clients (`limits.connections`)' : 'of one client (`limits.connections_per_client`)'
      logger.warn(
        { event: 'connection_closed', limit, closed },
        `there are too many connections ${whose}: some are closed`,
      )
    },
    probeClosed(listener) {
      const closed = tooManyProbes[listener].count()
      if (closed === 0) return
      logger.warn(
        { event: 'probe_closed', listener, closed },
        `there are too many connections to \`${listener}.listen\`: some are closed`,
      )
    },
    fewConnections(taken, wanted) {
      const text = `the limit of open files leaves room for ${taken} connections, not for the ${wanted} of \`limits.connections\``
      logger.warn({ event: 'few_connections', taken, wanted }, text)
    },
    proxyNotTrusted() {
      const text =
        'a proxy in front names its clients in X-Forwarded-For, and `trusted_proxies` does not name the proxy: limits per client do not work'
      logger.warn({ event: 'proxy_not_trusted' }, text)
    },
    certificate(problem) {
      if (problem === undefined) logger.info({ event: 'certificate' }, 'the new TLS certificate is in use')
      else logger.error({ event: 'certificate', reason: reason(problem) }, 'the changed TLS files are not used')
    },
    ledgerFailed(operation, cause) {
      metrics.ledgerErrors.inc({ operation })
      logger.error({ event: 'ledger_failed', operation, reason: reason(cause) }, 'a ledger operation failed')
    },
    handedOver(jobs) {
      logger.warn({ event: 'handed_over', jobs }, 'jobs are left to the next process: the time to stop is over')
    },
    configAdopted(services, needRestart) {
      metrics.reloads.inc({ outcome: 'adopted' })
      metrics.reloadGood.set(1)
      metrics.reloadSeconds.setToCurrentTime()
      logger.info({ event: 'config_adopted', services }, 'the configuration was loaded anew')
      if (needRestart.length === 0) return
      logger.warn(
        { event: 'config_needs_restart', settings: needRestart },
        `changed in the file, and needs a restart: ${needRestart.join(', ')}`,
      )
    },
    configRefused(problems) {
      metrics.reloads.inc({ outcome: 'refused' })
      metrics.reloadGood.set(0)
      for (const problem of problems) logger.error({ event: 'config_refused', problem }, problem)
      logger.error(
        { event: 'config_refused', problems: problems.length },
        'the configuration in use stays the one before',
      )
    },
    commanded(command, reference) {
      logger.warn({ event: 'commanded', command, reference }, `the operator said: ${command}`)
    },
    unexpected(what, cause, requestId) {
      const stack = cause instanceof Error ? cause.stack : undefined
      logger.error({ event: 'unexpected', what, request_id: requestId, reason: reason(cause), stack }, what)
    },
  }
}

const reason = (cause: unknown): string => (cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause))

const minuteMs = 60_000

const round = (ms: number): number => Math.round(ms * 100) / 100
