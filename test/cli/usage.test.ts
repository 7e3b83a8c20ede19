import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { root, turnpike } from './run.ts'

describe('turnpike', () => {
  test.each([[[]], [['--help']]])('%j lists the commands', async (args) => {
    const { code, stdout, stderr } = await turnpike(args)
    expect([code, stderr]).toEqual([0, ''])
    for (const name of ['serve', 'demo', 'check', 'schema', 'quote', 'buy', 'pay', 'demo-services'])
      expect(stdout).toMatch(new RegExp(`^  ${name} `, 'm'))
    expect(stdout).toContain('Exit codes: 0 done')
  })

  test('an unknown command is named, with those that there are', async () => {
    const { code, stdout, stderr } = await turnpike(['sell'])
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toMatch(/^There is no command `sell`\.\n\nturnpike <command>\n/)
  })

  test('what every object has is no command either', async () => {
    expect((await turnpike(['constructor'])).code).toBe(2)
  })

  test('an option that there is not is named, without a stack trace', async () => {
    const { code, stderr } = await turnpike(['pay', 'lnbcrt1x', '--pretty'])
    expect(code).toBe(2)
    expect(stderr).toMatch(/--pretty/)
    expect(stderr).not.toMatch(/^\s+at /m)
  })
})

test('turnpike schema prints the JSON Schema that is committed', async () => {
  const { code, stdout, stderr } = await turnpike(['schema'])
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout).toBe(readFileSync(join(root, 'config/gateway.schema.json'), 'utf8'))
})

test('a Node that is too old gets one plain sentence', async ({ skip }) => {
  const systemNode = '/usr/bin/node'
  const version = existsSync(systemNode) ? execFileSync(systemNode, ['-v'], { encoding: 'utf8' }).trim() : undefined
  if (version === undefined || Number.parseInt(version.slice(1), 10) >= 24)
    skip('the Node of this machine is not too old, or there is none')
  const { code, stdout, stderr } = await turnpike(['check'], { node: systemNode })
  expect([code, stdout]).toEqual([2, ''])
  expect(stderr).toContain(`Turnpike needs Node 24.18 or newer, and this is Node ${version?.slice(1)}.`)
  expect(stderr.trim().split('\n')).toHaveLength(1)
})
