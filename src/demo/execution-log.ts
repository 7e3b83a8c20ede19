/** One request that reached a generating route, written for tests to count. */
export interface Execution {
  readonly route: string
  readonly bodySha256: string
  readonly idempotencyKey: string | null
  readonly startedAt: string
  /** Null while it runs. */
  endedAt: string | null
  /** The answer's status; null while it runs and when the caller left before the answer. */
  status: number | null
}

export interface ExecutionLog {
  start(execution: Pick<Execution, 'route' | 'bodySha256' | 'idempotencyKey'>): Execution
  end(execution: Execution, status: number | null): void
  toJsonLines(): string
}

/** The last `maxEntries` executions, oldest first. */
export function createExecutionLog(maxEntries: number): ExecutionLog {
  const entries: Execution[] = []
  return {
    start(facts) {
      const execution: Execution = { ...facts, startedAt: new Date().toISOString(), endedAt: null, status: null }
      entries.push(execution)
      if (entries.length > maxEntries) entries.shift()
      return execution
    },
    end(execution, status) {
      execution.endedAt = new Date().toISOString()
      execution.status = status
    },
    toJsonLines: () => entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''),
  }
}
