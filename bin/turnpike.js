#!/usr/bin/env node
// Plain JavaScript on purpose: a Node too old to run TypeScript must still be able to read this and say so.
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
  import('../src/main.ts')
}
