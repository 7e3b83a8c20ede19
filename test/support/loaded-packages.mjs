import { writeSync } from 'node:fs'
import { registerHooks } from 'node:module'

// Preloaded into a process to tell, on file descriptor 3, of every package it loads.
const told = new Set()
registerHooks({
  load(url, context, next) {
    const name = /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1]
    if (name !== undefined && !told.has(name)) {
      told.add(name)
      writeSync(3, `${name}\n`)
    }
    return next(url, context)
  },
})
