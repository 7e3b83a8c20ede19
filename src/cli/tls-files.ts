import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import type { Config } from '../config/config.ts'

type TlsPlaces = NonNullable<Config['tls']>

/** What a TLS server is given. */
export interface TlsFiles {
  readonly cert: string
  readonly key: string
  readonly minVersion: 'TLSv1.2'
}

/** @throws Error when a file cannot be read */
export function readTlsFiles({ certFile, keyFile }: TlsPlaces): TlsFiles {
  return { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8'), minVersion: 'TLSv1.2' }
}

const lookEveryMs = 5_000

/**
 * Looks at what stands in the files again and again, since tools replace them in ways that no notification covers
 * (links, mounts). New ones are taken up when both fit together; until then, as between the writing of the one and of
 * the other, the earlier ones go on.
 * @param onChange told once of each change; `problem` is undefined when it was taken up
 */
export function watchTlsFiles(
  places: TlsPlaces,
  use: (files: TlsFiles) => void,
  onChange: (problem: unknown) => void = () => undefined,
  everyMs = lookEveryMs,
): Disposable {
  const textOf = ({ cert, key }: TlsFiles): string => `${cert}\n${key}`
  let seen = textOf(readTlsFiles(places))
  let saidProblem = ''
  const look = (): void => {
    try {
      const files = readTlsFiles(places)
      if (textOf(files) === seen) return
      createSecureContext(files)
      use(files)
      seen = textOf(files)
      saidProblem = ''
      onChange(undefined)
    } catch (thrown) {
      const problem = String(thrown)
      if (problem === saidProblem) return
      saidProblem = problem
      onChange(thrown)
    }
  }
  const timer = setInterval(look, everyMs)
  timer.unref()
  return { [Symbol.dispose]: () => clearInterval(timer) }
}
