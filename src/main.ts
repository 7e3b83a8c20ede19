import { commands, usage } from './cli/commands.ts'
import { CommandError, exitCodes } from './cli/exit-codes.ts'

const [name = 'help', ...args] = process.argv.slice(2)
const command = Object.hasOwn(commands, name) ? commands[name] : undefined

// A reader that has seen enough, such as `head`, is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})

if (name === 'help' || name === '--help' || name === '-h') {
  console.log(usage)
} else if (!command) {
  console.error(`There is no command \`${name}\`.\n\n${usage}`)
  process.exitCode = exitCodes.usage
} else {
  try {
    process.exitCode = await (await command.load())(args)
  } catch (thrown) {
    process.exitCode = explain(thrown)
  }
}

/** Says what went wrong in a sentence; a stack trace only for what nobody foresaw. */
function explain(thrown: unknown): number {
  if (thrown instanceof CommandError) {
    console.error(thrown.message)
    return thrown.exitCode
  }
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : ''
  if (code.startsWith('ERR_PARSE_ARGS')) {
    console.error((thrown as Error).message)
    return exitCodes.usage
  }
  if (thrown instanceof Error && ['LedgerError', 'OpenProblem', 'KeysProblem', 'WalletError'].includes(thrown.name)) {
    console.error(thrown.message)
    return exitCodes.unavailable
  }
  console.error(thrown)
  return exitCodes.failed
}
