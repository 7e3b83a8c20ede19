import { isMainThread } from 'node:worker_threads'

/** Loaded before every child of the fault tests: a test run that is killed itself leaves none of them behind. */
const parent = process.ppid
if (isMainThread) {
  setInterval(() => {
    if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL')
  }, 1_000).unref()
}
