import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { HoldMetrics } from './hold-metrics.ts'
import { WalletMetrics } from './wallet-metrics.ts'

/** Durations here reach from a token check to a generation of several minutes. */
const callSeconds = [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 180, 240, 300, 360]
const ownSeconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1]

/** The Prometheus metrics of one gateway. Labels are service names, codes and statuses: never anything of a buyer's. */
export class Metrics {
  readonly registry = new Registry()
  readonly requests = this.#counter('http_requests_total', 'Answered requests', ['service', 'status', 'money'])
  readonly requestSeconds = this.#histogram(
    'http_request_duration_seconds',
    'Requests, in all',
    ['service'],
    callSeconds,
  )
  readonly ownSeconds = this.#histogram(
    'http_request_own_seconds',
    'Our own share of requests',
    ['service'],
    ownSeconds,
  )
  readonly challenges = this.#counter('challenges_total', 'Challenges (402) made', ['service'])
  readonly challengedSats = this.#counter('challenged_sats_total', 'Sats asked for by challenges', ['service'])
  readonly payments = this.#counter('payments_total', 'Payments presented for the first time', ['service'])
  readonly paidSats = this.#counter('paid_sats_total', 'Sats of payments presented for the first time', ['service'])
  readonly runs = this.#counter('job_runs_total', 'Ended runs of jobs', ['service', 'outcome'])
  readonly failures = this.#counter('job_failures_total', 'Failed runs of jobs', ['service', 'code'])
  readonly deliveries = this.#counter('deliveries_total', 'Whole results handed to buyers', ['service', 'replayed'])
  readonly resultBytes = this.#counter('result_bytes_total', 'Bytes of stored results', ['service'])
  readonly upstreamSeconds = this.#histogram(
    'upstream_duration_seconds',
    'Upstream calls that brought a result',
    ['service'],
    callSeconds,
  )
  readonly wallets = new WalletMetrics(this.registry)
  readonly holds = new HoldMetrics(this.registry)
  readonly commitSeconds = this.#histogram('ledger_commit_duration_seconds', 'Ledger commits', [], ownSeconds)
  readonly commitOperations = this.#histogram(
    'ledger_commit_operations',
    'Operations committed together',
    [],
    [1, 2, 4, 8, 16, 32, 64, 128],
  )
  readonly breakerChanges = this.#counter('upstream_breaker_changes_total', 'Breakers opened and closed', [
    'upstream',
    'state',
  ])
  readonly queueSeconds = this.#histogram(
    'upstream_queue_wait_seconds',
    'Paid calls waiting for their turn',
    ['upstream'],
    callSeconds,
  )
  readonly limited = this.#counter('limited_total', 'Requests answered 429, by the limit they met', [
    'limit',
    'service',
  ])
  readonly connectionsClosed = this.#counter(
    'connections_closed_total',
    'Connections closed since there were too many: `new` ones, or in their place those `waiting` for a request',
    ['limit', 'which'],
  )
  readonly ledgerErrors = this.#counter('ledger_errors_total', 'Ledger operations that failed', ['operation'])
  readonly paidWithoutResult = this.#counter('paid_without_result_total', 'Payments given up: the alert to set', [
    'service',
  ])

  readonly reloads = this.#counter('config_reloads_total', 'Configurations loaded while running', ['outcome'])
  readonly reloadGood = this.#gauge('config_last_reload_successful', '1 when the files on disk are what is in use')
  readonly reloadSeconds = this.#gauge(
    'config_last_reload_success_timestamp_seconds',
    'When a configuration was last taken into use',
  )

  constructor(options: { jobsRunning: () => number; defaults: boolean }) {
    new Gauge({
      name: 'turnpike_jobs_running',
      help: 'Jobs running now',
      registers: [this.registry],
      collect() {
        this.set(options.jobsRunning())
      },
    })
    this.reloadGood.set(1)
    this.reloadSeconds.setToCurrentTime()
    if (options.defaults) collectDefaultMetrics({ register: this.registry })
  }

  #counter<T extends string>(name: string, help: string, labelNames: readonly T[]): Counter<T> {
    return new Counter({ name: `turnpike_${name}`, help, labelNames: [...labelNames], registers: [this.registry] })
  }

  #gauge(name: string, help: string): Gauge {
    return new Gauge({ name: `turnpike_${name}`, help, registers: [this.registry] })
  }

  #histogram<T extends string>(name: string, help: string, labelNames: readonly T[], buckets: number[]): Histogram<T> {
    return new Histogram({
      name: `turnpike_${name}`,
      help,
      labelNames: [...labelNames],
      buckets,
      registers: [this.registry],
    })
  }
}
