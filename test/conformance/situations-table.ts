import type { ErrorCode, MoneyAction, MoneyStatus } from '#src/errors.ts'
import type { JobState } from '#src/ports/ledger.ts'

/**
 * What a genuine token is answered, on the wire and in the ledger: what the ledger holds × which request comes × how
 * far the token's life is × what happened to the payment before. Every combination has exactly one line.
 */

export const rows = [
  'nothing',
  /** A job of this process works on it. */
  'running',
  /** An earlier process worked on it and is gone. */
  'abandoned',
  'captured',
  'retryable',
  'refused',
  'given_up',
  'revoked',
  'cancelling',
  'cancelled',
] as const
export const requests = ['same', 'other'] as const
/** `minted`: the token has not expired. `kept`: it has, but the row is honoured. `over`: neither. */
export const lives = ['minted', 'kept', 'over'] as const
/** Bytes of a result were shown before; it was used for another request than it was sold for. */
export const histories = ['plain', 'shown', 'rebound'] as const

export type Row = (typeof rows)[number]
export type Life = (typeof lives)[number]
export type History = (typeof histories)[number]

export interface Cell {
  readonly row: Row
  readonly request: (typeof requests)[number]
  readonly life: Life
  readonly history: History
}

export interface Expected {
  readonly status: number
  readonly code?: ErrorCode
  readonly money: MoneyStatus
  readonly action?: MoneyAction
  /** The service was called once more. */
  readonly called?: true
  readonly replayed?: true
  /** The answer names something to quote to the seller. */
  readonly reference?: true
  /** The job afterwards; as it was where nothing is said. */
  readonly after?: { readonly state: JobState; readonly rebound?: true }
}

const captured = { state: 'captured' } as const
const made: Expected = { status: 200, money: 'spent', called: true, after: captured }
const attached: Expected = { status: 200, money: 'spent', after: captured }
const reboundTo: Expected = { ...made, after: { state: 'captured', rebound: true } }
const replayed: Expected = { status: 200, money: 'replayed', replayed: true }
/** The service's own refusal, passed on again. */
const refusal = (money: MoneyStatus): Expected => ({ status: 400, money, replayed: true })
const challenge = (code: ErrorCode): Expected => ({ status: 402, code, money: 'required', action: 'pay' })
const mismatch: Expected = { status: 409, code: 'request_mismatch', money: 'unspent', action: 'resend_original' }
const due = (status: number, code: ErrorCode): Expected => ({
  status,
  code,
  money: 'refundable',
  action: 'contact_seller',
  reference: true,
})

export interface Line {
  readonly row: Row
  readonly request: readonly Cell['request'][]
  readonly life: readonly Life[]
  readonly history: readonly History[]
  readonly expected: Expected
}

function line(row: Row, where: Partial<Omit<Line, 'row' | 'expected'>>, expected: Expected): Line {
  return { row, request: requests, life: lives, history: histories, ...where, expected }
}

const same = { request: ['same'] } as const
const other = { request: ['other'] } as const
const minted = { life: ['minted'] } as const
const living = { life: ['minted', 'kept'] } as const
const expired = { life: ['kept', 'over'] } as const
const over = { life: ['over'] } as const
const plain = { history: ['plain'] } as const
const touched = { history: ['shown', 'rebound'] } as const

export const table: readonly Line[] = [
  line('nothing', { ...same, ...minted }, made),
  line('nothing', { ...same, ...expired }, challenge('token_expired')),
  line('nothing', { ...other, ...minted }, mismatch),
  line('nothing', { ...other, ...expired }, challenge('token_for_other_request')),

  line('running', same, attached),
  line('running', other, challenge('token_in_use')),
  line('abandoned', same, made),
  line('abandoned', other, challenge('token_in_use')),

  line('captured', { ...same, ...living }, replayed),
  line('captured', { ...same, ...over }, challenge('token_expired')),
  line('captured', other, challenge('token_spent')),

  line('retryable', { ...same, ...living }, made),
  line('retryable', { ...same, ...over }, due(410, 'refund_due')),
  line('retryable', { ...other, ...minted }, mismatch),
  line('retryable', { ...other, ...expired }, challenge('token_for_other_request')),

  line('refused', { ...same, ...living, ...plain }, refusal('unspent')),
  line('refused', { ...same, ...living, ...touched }, refusal('refundable')),
  line('refused', { ...same, ...over }, due(410, 'refund_due')),
  line('refused', { ...other, ...living, ...plain }, reboundTo),
  line('refused', { ...other, ...over, ...plain }, due(410, 'refund_due')),
  line('refused', { ...other, ...touched }, challenge('token_for_other_request')),

  line('given_up', { ...same, ...living }, due(502, 'given_up')),
  line('given_up', { ...same, ...over }, due(410, 'refund_due')),
  line('given_up', { ...other, ...living, ...plain }, reboundTo),
  line('given_up', { ...other, ...over, ...plain }, due(410, 'refund_due')),
  line('given_up', { ...other, ...touched }, challenge('token_for_other_request')),

  line('revoked', {}, due(403, 'token_revoked')),
  line('cancelling', {}, challenge('payment_cancelled')),
  line('cancelled', {}, challenge('payment_cancelled')),
]

const linesFor = ({ row, request, life, history }: Cell): readonly Line[] =>
  table.filter(
    (each) =>
      each.row === row && each.request.includes(request) && each.life.includes(life) && each.history.includes(history),
  )

/** Every combination with the lines that speak of it. */
export const cells: readonly (readonly [string, Cell, readonly Expected[]])[] = rows.flatMap((row) =>
  requests.flatMap((request) =>
    lives.flatMap((life) =>
      histories.map((history) => {
        const cell: Cell = { row, request, life, history }
        return [Object.values(cell).join(' · '), cell, linesFor(cell).map(({ expected }) => expected)] as const
      }),
    ),
  ),
)
