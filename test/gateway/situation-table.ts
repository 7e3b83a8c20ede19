import type { ErrorCode } from '#src/errors.ts'
import type { Situation, SituationInput } from '#src/gateway/redeem/situation.ts'
import type { JobState, PaymentRecord, PaymentState } from '#src/ports/ledger.ts'
import { hour, makeRecord, minute, now, second } from './payment-record.ts'

/** DESIGN §7, cell by cell: what the ledger says × which request × how far the token's life is × what happened to it. */

export const rows = [
  'nothing',
  'running',
  'captured',
  'retryable',
  'refused',
  'given_up',
  'revoked',
  'refunded',
  'cancelling',
  'cancelled',
] as const
export const requests = ['same', 'other'] as const
/** `minted`: the token itself has not expired. `kept`: it has, but the row is kept. `over`: neither holds. */
export const lives = ['minted', 'kept', 'over'] as const
export const histories = ['plain', 'shown', 'rebound'] as const

type Row = (typeof rows)[number]
type RequestKind = (typeof requests)[number]
type Life = (typeof lives)[number]
type History = (typeof histories)[number]

export interface Cell {
  readonly row: Row
  readonly request: RequestKind
  readonly life: Life
  readonly history: History
}

type Expected = Record<string, unknown> & { readonly kind: Situation['kind'] }

const claim: Expected = { kind: 'claim' }
const stored: Expected = { kind: 'stored' }
const rebind: Expected = { kind: 'rebind' }
const challenge = (code: ErrorCode): Expected => ({ kind: 'challenge', code })
const error = (code: ErrorCode): Expected => ({ kind: 'error', code })

interface Line {
  readonly row: Row
  readonly request: readonly RequestKind[]
  readonly life: readonly Life[]
  readonly history: readonly History[]
  readonly expected: Expected
}

function line(row: Row, where: Partial<Omit<Line, 'row' | 'expected'>>, expected: Expected): Line {
  return { row, request: requests, life: lives, history: histories, ...where, expected }
}

const plain = { history: ['plain'] } as const
const touched = { history: ['shown', 'rebound'] } as const
const living = { life: ['minted', 'kept'] } as const
const over = { life: ['over'] } as const
const same = { request: ['same'] } as const
const other = { request: ['other'] } as const

export const table: readonly Line[] = [
  line('nothing', { ...same, life: ['minted'] }, claim),
  line('nothing', { ...same, life: ['kept', 'over'] }, challenge('token_expired')),
  line('nothing', { ...other, life: ['minted'] }, error('request_mismatch')),
  line('nothing', { ...other, life: ['kept', 'over'] }, challenge('token_for_other_request')),

  line('running', same, claim),
  line('running', other, challenge('token_in_use')),

  line('captured', { ...same, ...living }, stored),
  line('captured', { ...same, ...over }, challenge('token_expired')),
  line('captured', other, challenge('token_spent')),

  line('retryable', { ...same, ...living }, claim),
  line('retryable', { ...same, ...over }, error('refund_due')),
  line('retryable', { ...other, life: ['minted'] }, error('request_mismatch')),
  line('retryable', { ...other, life: ['kept', 'over'] }, challenge('token_for_other_request')),

  line('refused', { ...same, ...living }, stored),
  line('refused', { ...same, ...over }, error('refund_due')),
  line('refused', { ...other, ...living, ...plain }, rebind),
  line('refused', { ...other, ...over, ...plain }, error('refund_due')),
  line('refused', { ...other, ...touched }, challenge('token_for_other_request')),

  line('given_up', { ...same, ...living }, error('given_up')),
  line('given_up', { ...same, ...over }, error('refund_due')),
  line('given_up', { ...other, ...living, ...plain }, rebind),
  line('given_up', { ...other, ...over, ...plain }, error('refund_due')),
  line('given_up', { ...other, ...touched }, challenge('token_for_other_request')),

  line('revoked', {}, error('token_revoked')),
  line('refunded', {}, error('refunded')),
  line('cancelling', {}, challenge('payment_cancelled')),
  line('cancelled', {}, challenge('payment_cancelled')),
]

const allCells: readonly Cell[] = rows.flatMap((row) =>
  requests.flatMap((request) =>
    lives.flatMap((life) => histories.map((history): Cell => ({ row, request, life, history }))),
  ),
)

const linesFor = ({ row, request, life, history }: Cell): readonly Line[] =>
  table.filter(
    (each) =>
      each.row === row && each.request.includes(request) && each.life.includes(life) && each.history.includes(history),
  )

/** Every cell with the lines of the table that speak of it: exactly one each, if the table is whole. */
export const cells: readonly (readonly [string, Cell, readonly Expected[]])[] = allCells.map((cell) => [
  Object.values(cell).join(' · '),
  cell,
  linesFor(cell).map(({ expected }) => expected),
])

const paymentStates: readonly Row[] = ['revoked', 'refunded', 'cancelling', 'cancelled']

function recordOf({ row, life, history }: Cell): PaymentRecord | undefined {
  if (row === 'nothing') return undefined
  const isPaymentState = paymentStates.includes(row)
  return makeRecord(
    {
      state: isPaymentState ? 'retryable' : (row as JobState),
      keepUntilMs: life === 'over' ? now : now + hour,
      pruned: life === 'over',
      finishedAtMs: life === 'minted' ? now - minute : now - 9 * hour,
      retryAtMs: now - second,
      shown: history === 'shown',
      rebound: history === 'rebound',
    },
    { mintedExpiry: mintedExpiryOf(life), state: isPaymentState ? (row as PaymentState) : 'settled' },
  )
}

const mintedExpiryOf = (life: Life): number => (life === 'minted' ? now + 23 * hour : now - hour) / second

export function inputOf(cell: Cell, overrides: Partial<SituationInput> = {}): SituationInput {
  const { life, request } = cell
  return {
    record: recordOf(cell),
    same: request === 'same',
    mintedAt: (life === 'minted' ? now - minute : now - 10 * hour) / second,
    mintedExpiry: mintedExpiryOf(life),
    mismatchWindowMs: 20 * minute,
    wantsNew: false,
    nowMs: now,
    arrivedAtMs: overrides.nowMs ?? now,
    ...overrides,
  }
}
