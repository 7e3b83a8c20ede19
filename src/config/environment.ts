import type { ConfigPath } from './problem.ts'
import { isForeign } from './scalars.ts'

export type Environment = Readonly<Record<string, string | undefined>>

const reference = /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g

/**
 * Replaces `${NAME}` in every string of `value` by the variable's value. Keys, schemas and examples are left alone.
 * @param onUnset called for each name without a value, with the path of the string it stands in
 */
export function expandEnvironment(
  value: unknown,
  environment: Environment,
  onUnset: (name: string, path: ConfigPath) => void,
  path: ConfigPath = [],
): unknown {
  if (typeof value === 'string') {
    return value.replace(reference, (whole, name: string) => {
      const found = environment[name]
      if (found !== undefined && found !== '') return found
      onUnset(name, path)
      return whole
    })
  }
  if (Array.isArray(value)) {
    return value.map((item, index) => expandEnvironment(item, environment, onUnset, [...path, index]))
  }
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => {
        const at = [...path, key]
        return [key, isForeign(at) ? item : expandEnvironment(item, environment, onUnset, at)]
      }),
    )
  }
  return value
}
