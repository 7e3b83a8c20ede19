import { fileURLToPath } from 'node:url'

/** What every suite has in common. */
export const shared = {
  // Threads and processes that tests start find compiled code where `bin/turnpike.js` keeps it.
  env: { NODE_COMPILE_CACHE: fileURLToPath(new URL('node_modules/.cache/compiled', import.meta.url)) },
  // Much here waits for real sockets, processes and disks; what is late once on a shared machine is reported as flaky.
  retry: process.env.CI ? 1 : 0,
  expect: { poll: { timeout: 10_000 } },
}
