/** In UTF-16 units, as phoenixd counts. */
const maxDescriptionLength = 128

/** phoenixd refuses more than 128 characters; the cut never splits a character in two. */
export function cutDescription(description: string): string {
  if (description.length <= maxDescriptionLength) return description
  const cut = description.slice(0, maxDescriptionLength - 1)
  return `${cut.isWellFormed() ? cut : cut.slice(0, -1)}…`
}
