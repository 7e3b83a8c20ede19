import type { Events } from '../telemetry/events.ts'
import type { CommandAnswer } from './payments.ts'

/** What the operator may say about the keys. */
export interface KeyCommands {
  list(): Promise<readonly KeyLine[]>
  rotate(): Promise<CommandAnswer>
  retire(id: number): Promise<CommandAnswer>
}

export interface KeyLine {
  readonly id: number
  readonly state: 'mint' | 'verify'
  readonly fingerprint: string
  /** Unix ms. */
  readonly retirableFromMs: number | undefined
  readonly owed: number
}

/** The keys, as the commands need them. */
export interface KeyKeeper {
  list(): Promise<readonly KeyLine[]>
  rotate(): Promise<number>
  retire(
    id: number,
  ): Promise<{ readonly kind: 'retired' | 'unknown' } | { readonly kind: 'refused'; readonly reason: string }>
}

/** Keys that do not fit together are said to the operator, not thrown. */
export function createKeyCommands(keys: KeyKeeper, events: Pick<Events, 'commanded'>): KeyCommands {
  const explained = async (run: () => Promise<CommandAnswer>): Promise<CommandAnswer> => {
    try {
      return await run()
    } catch (thrown) {
      if (thrown instanceof Error && thrown.name === 'KeysProblem') return { kind: 'refused', text: thrown.message }
      throw thrown
    }
  }
  return {
    list: () => keys.list(),
    rotate: () =>
      explained(async () => {
        const id = await keys.rotate()
        events.commanded('keys rotate', String(id))
        return { kind: 'done', text: `key ${id} signs new tokens; the others verify. Back up the keys now.` }
      }),
    retire: (id) =>
      explained(async () => {
        const outcome = await keys.retire(id)
        switch (outcome.kind) {
          case 'unknown':
            return { kind: 'unknown', text: `there is no key ${id}` }
          case 'refused':
            return { kind: 'refused', text: `key ${id} cannot be retired: ${outcome.reason}` }
          case 'retired':
            events.commanded('keys retire', String(id))
            return { kind: 'done', text: `key ${id} is retired` }
        }
      }),
  }
}
