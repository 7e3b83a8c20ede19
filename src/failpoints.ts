/**
 * Places where a crash test may end or stop this process, to prove that nothing paid for is lost there. Nothing is
 * armed unless `TURNPIKE_FAILPOINT` was set when the process started; then each place is a call of an empty function.
 *
 * `TURNPIKE_FAILPOINT=<point>[:<n>][=kill|stop]`: on the n-th time (default the first) that `<point>` is reached the
 * process sends itself SIGKILL (default) or SIGSTOP. A point is one of {@link points}, or `before:<operation>` or
 * `after:<operation>` for the moments around the commit of a ledger operation, in the ledger's thread.
 */
const points = [
  /** A genuine token was presented and nothing is claimed. */
  'verified',
  /** The claim was answered and no call made. */
  'claimed',
  /** The upstream has been sent the request. */
  'sent',
  'upstream_head',
  /** Each piece of the upstream's body. */
  'upstream_data',
  /** All of the upstream's answer is here and not stored. */
  'upstream_end',
  /** The capture was answered and the buyer has seen nothing of that. */
  'captured',
  /** The head of a result went to the buyer. */
  'head_delivered',
  /** Each piece of a result that went to the buyer. */
  'data_delivered',
  /** An offer is written down, and nobody has seen its invoice. */
  'hold_offered',
  /** The wallet said that a payment is locked in, and nothing is written down of that. */
  'hold_locked',
  /** A payment was written down as held, and no work begun. */
  'hold_accepted',
  /** A decision is committed, and the wallet not told. */
  'hold_telling',
  /** The wallet has carried a decision out, and that is not written down. */
  'hold_told',
  /** The end of a held payment is written down. */
  'hold_ended',
  /** The development wallet has written a payment down, and its hold does not say so yet. */
  'wallet_settling',
] as const

export type Failpoint = (typeof points)[number]
export type CommitSide = 'before' | 'after'

interface Armed {
  readonly point: string
  readonly signal: 'SIGKILL' | 'SIGSTOP'
  hitsLeft: number
}

/** @throws Error when what is asked for is not a failpoint: a crash test that never crashes proves nothing */
export function readFailpoint(text: string): Armed {
  const [, point = '', hits = '1', then = 'kill'] =
    /^((?:before:|after:)?\w+)(?::([1-9]\d*))?(?:=(\w+))?$/.exec(text) ?? []
  const isPoint = point.includes(':') || (points as readonly string[]).includes(point)
  if (!isPoint || (then !== 'kill' && then !== 'stop')) throw new Error(`TURNPIKE_FAILPOINT: ${text} is no failpoint`)
  return { point, signal: then === 'kill' ? 'SIGKILL' : 'SIGSTOP', hitsLeft: Number(hits) }
}

const asked = process.env.TURNPIKE_FAILPOINT
const armed = asked === undefined || asked === '' ? undefined : readFailpoint(asked)

function hit(point: string): void {
  if (armed?.point === point && --armed.hitsLeft === 0) process.kill(process.pid, armed.signal)
}

/** Says that a place is reached. */
export const reach: (point: Failpoint) => void = armed ? hit : () => undefined

/** Says that a group of ledger operations is about to be committed, or has been. */
export const reachCommit: (side: CommitSide, operations: readonly { readonly name: string }[]) => void = armed
  ? (side, operations) => {
      for (const { name } of operations) hit(`${side}:${name}`)
    }
  : () => undefined
