/** Where something stands in a file; lines and columns count from 1. */
export interface Place {
  readonly file: string
  readonly line: number
  readonly column: number
}

export type ConfigPath = readonly (string | number)[]

/** One thing wrong with the configuration. */
export interface Problem {
  readonly place: Place
  /** Keys from the top of the file. */
  readonly path: ConfigPath
  /** What is wrong and what to write instead; follows the path in print. */
  readonly message: string
}

/** All problems of a configuration at once. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    super(problems.map(formatProblem).join('\n'))
    this.problems = problems
  }
}

/** `gateway.yaml:12:5  services./x.price: must be above 0` */
export function formatProblem({ place, path, message }: Problem): string {
  const where = `${place.file}:${place.line}:${place.column}`
  return path.length === 0 ? `${where}  ${message}` : `${where}  ${formatPath(path)}: ${message}`
}

export const formatPath = (path: ConfigPath): string =>
  path.map((key, index) => (typeof key === 'number' ? `[${key}]` : `${index === 0 ? '' : '.'}${key}`)).join('')

/** In the order they stand in the file, each said once. */
export function sortProblems(problems: readonly Problem[]): Problem[] {
  const seen = new Set<string>()
  return problems
    .toSorted(
      (a, b) =>
        a.place.file.localeCompare(b.place.file) || a.place.line - b.place.line || a.place.column - b.place.column,
    )
    .filter((problem) => {
      const text = formatProblem(problem)
      return !seen.has(text) && seen.add(text)
    })
}
