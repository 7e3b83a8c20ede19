import type { FieldPath } from '../../catalog/service.ts'
import type { RequestIssue } from '../../errors.ts'
import { absentAt } from '../../pricing/field.ts'

/**
 * What stands on the way to a priced field and is not the list or object that the price looks into. Text where a list
 * of texts is priced would count as nothing, and be read all the same by an upstream that takes both. It is fine where
 * it has a price of its own.
 * @param priced every field of the body that the price depends on
 */
export function shapeIssues(priced: readonly FieldPath[], body: unknown): RequestIssue[] {
  const ownPrice = new Set(priced.map(placeOf))
  return priced.flatMap((path) => {
    const depth = wrongDepth(path, body, (length) => ownPrice.has(placeOf(path.slice(0, length))))
    if (depth === undefined) return []
    const shape = path[depth] === '*' ? 'a list' : 'an object'
    return [{ path: placeOf(path.slice(0, depth)), message: `must be ${shape}: the price depends on what is in it` }]
  })
}

/** How many keys of the path lead to a value that the next one cannot look into. */
function wrongDepth(path: FieldPath, body: unknown, isPriced: (length: number) => boolean): number | undefined {
  let values = [body]
  for (const [depth, key] of path.entries()) {
    const next: unknown[] = []
    for (const value of values) {
      if (value === undefined || value === null) continue
      const isList = Array.isArray(value)
      if (typeof value !== 'object' || isList !== (key === '*')) {
        if (!isPriced(depth)) return depth
      } else if (isList) {
        for (const item of value) next.push(item)
      } else if (Object.hasOwn(value, key)) {
        next.push((value as Record<string, unknown>)[key])
      }
    }
    values = next
  }
  return undefined
}

const placeOf = (path: FieldPath): string => absentAt({ in: 'body', path })
