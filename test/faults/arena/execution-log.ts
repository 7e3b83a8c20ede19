import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The body of every request in the arena. */
export interface Work {
  readonly units: number
  readonly note: string
  /** Filled in by the request schema. */
  readonly quality?: string
  /** Wait for the file `<hold>-<run>` before answering. */
  readonly hold?: string
  /** The first runs for a payment fail, this many of them. */
  readonly failures?: number
  /** They fail at 95 % of the body instead of by status. */
  readonly breaks?: boolean
  /** It is refused for what it asks. */
  readonly refused?: boolean
  /** Between two pieces. */
  readonly paceMs?: number
  /** Before anything else, a failure too. */
  readonly lateMs?: number
}

/** An execution as the service saw it begin. */
export interface Begun {
  readonly kind: 'begun'
  readonly id: string
  readonly path: string
  readonly key: string
  readonly paymentHash: string
  readonly run: number
  readonly body: Work
  /** Header names. */
  readonly names: string
  /** Of the whole result. */
  readonly sha256: string
  /** The gateway that called was dead when the call was read, so what the others say is about a later one. */
  readonly orphan: boolean
  readonly row: { readonly state: string; readonly epoch: number; readonly payment: string } | string
  readonly paidMsat: number | undefined
  /** Where the payment is held: what the wallet says of that. */
  readonly held: { readonly state: string; readonly amountMsat: number } | undefined
}

export type LogLine =
  | Begun
  | { readonly kind: 'ended' | 'failed' | 'refused'; readonly id: string; readonly paymentHash: string }
  | { readonly kind: 'trouble'; readonly what: string }

/** A line that a kill cut short is no line. */
export function readExecutions(directory: string): LogLine[] {
  const file = join(directory, 'executions.jsonl')
  if (!existsSync(file)) return []
  const lines = readFileSync(file, 'utf8').split('\n')
  return lines.slice(0, -1).flatMap((line): LogLine[] => {
    try {
      return [JSON.parse(line) as LogLine]
    } catch {
      return []
    }
  })
}
