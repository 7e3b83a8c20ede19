/** Exit codes, the same for every command. */
export const exitCodes = {
  ok: 0,
  /** Something unexpected. */
  failed: 1,
  /** Bad arguments or configuration. */
  usage: 2,
  /** Cannot connect, listen or open. */
  unavailable: 3,
  /** Refused: too expensive, not paid, not allowed. */
  refused: 4,
  notFound: 5,
  /** A payment was held and let go: nothing delivered, nothing charged. */
  notDelivered: 6,
} as const

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]

/** Ends a command with a sentence for the person and a code for the script. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  readonly exitCode: ExitCode

  constructor(exitCode: ExitCode, message: string) {
    super(message)
    this.exitCode = exitCode
  }
}
