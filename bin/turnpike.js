#!/usr/bin/env node
// Plain JavaScript on purpose: a Node too old to run TypeScript must still be able to read this and say so.
import module from 'node:module'
import { fileURLToPath } from 'node:url'

var wanted = [24, 18]
var have = process.versions.node.split('.').map(Number)
if (have[0] < wanted[0] || (have[0] === wanted[0] && have[1] < wanted[1])) {
  console.error(
    'Turnpike needs Node ' +
      wanted.join('.') +
      ' or newer, and this is Node ' +
      process.versions.node +
      '. Run `npm ci` in the checkout and start it with `npx turnpike` or `npm start`: on Linux that brings the right Node along.',
  )
  process.exitCode = 2
} else {
  // Compiled code is kept beside the packages, where only who may change them can write, and not in a shared temporary
  // folder; threads find it by the variable. Where it cannot be written, all is compiled anew.
  var compiled = fileURLToPath(new URL('../node_modules/.cache/compiled', import.meta.url))
  process.env.NODE_COMPILE_CACHE = process.env.NODE_COMPILE_CACHE || compiled
  module.enableCompileCache(process.env.NODE_COMPILE_CACHE)
  import('../src/main.ts')
}
