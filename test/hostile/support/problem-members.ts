/** Everything that a problem may say of itself; texts of other programs are not among it. */
export const problemMembers: ReadonlySet<string> = new Set([
  'type',
  'title',
  'status',
  'instance',
  'code',
  'detail',
  'issues',
  'payment',
  'contact',
  'retryAfterSeconds',
])
