import { readFileSync } from 'node:fs'

/**
 * Loaded before a process under test: its clock stands as far from the machine's as the file that
 * `TURNPIKE_CLOCK_FILE` names says, in milliseconds, and follows every change of it.
 */
const file = process.env.TURNPIKE_CLOCK_FILE
const realNow = Date.now.bind(Date)
const offsetMs = (): number => {
  try {
    return file === undefined ? 0 : Number(readFileSync(file, 'utf8'))
  } catch {
    return 0
  }
}
Date.now = () => realNow() + offsetMs()
