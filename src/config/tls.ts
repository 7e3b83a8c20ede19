import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { createSecureContext } from 'node:tls'
import type { FileFrame } from './complete.ts'
import type { Config } from './config.ts'
import { reason } from './files.ts'
import type { TopInput } from './schema.ts'

/** The two files, absolute; what would not serve is a problem now, not at the first handshake. */
export function readTls(
  { cert_file, key_file }: NonNullable<TopInput['tls']>,
  { baseDir, onProblem }: Pick<FileFrame, 'baseDir' | 'onProblem'>,
): NonNullable<Config['tls']> {
  const [certFile, keyFile] = [resolve(baseDir, cert_file), resolve(baseDir, key_file)]
  const read = (key: string, file: string): string | undefined => {
    try {
      return readFileSync(file, 'utf8')
    } catch (thrown) {
      onProblem(['tls', key], `cannot be read: ${reason(thrown)} (${file})`)
      return undefined
    }
  }
  const cert = read('cert_file', certFile)
  const key = read('key_file', keyFile)
  const isCert = cert !== undefined && serves({ cert })
  const isKey = key !== undefined && serves({ key })
  if (cert !== undefined && !isCert)
    onProblem(['tls', 'cert_file'], 'is not a certificate in PEM; the file begins with `-----BEGIN CERTIFICATE-----`')
  if (key !== undefined && !isKey)
    onProblem(['tls', 'key_file'], 'is not a private key in PEM that needs no passphrase')
  if (isCert && isKey && !serves({ cert, key }))
    onProblem(['tls', 'key_file'], 'is not the key of the certificate; give the one that it was made for')
  return { certFile, keyFile }
}

function serves(pair: { readonly cert?: string; readonly key?: string }): boolean {
  try {
    createSecureContext(pair)
    return true
  } catch {
    return false
  }
}
