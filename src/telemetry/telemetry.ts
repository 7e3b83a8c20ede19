import type { DestinationStream } from 'pino'
import type { Events } from './events.ts'
import { createLogger, type Logger } from './logger.ts'
import { Metrics } from './metrics.ts'
import { recordEvents } from './record-events.ts'

export interface Telemetry {
  readonly logger: Logger
  readonly metrics: Metrics
  readonly events: Events
}

export interface TelemetryOptions {
  readonly level: string
  readonly jobsRunning: () => number
  /** Also measure the process itself: event loop, memory, garbage collection. */
  readonly defaultMetrics: boolean
  readonly destination?: DestinationStream
}

export function createTelemetry({ level, destination, jobsRunning, defaultMetrics }: TelemetryOptions): Telemetry {
  const logger = createLogger(level, destination)
  const metrics = new Metrics({ jobsRunning, defaults: defaultMetrics })
  return { logger, metrics, events: recordEvents(logger, metrics) }
}
