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
  const [cert, key] = [read('cert_file', certFile), read('key_file', keyFile)]
  const fault = cert === undefined || key === undefined ? undefined : tlsFault(cert, key)
  if (fault) onProblem(['tls', fault.in], fault.message)
  return { certFile, keyFile }
}

/** Why a certificate and a key do not serve together. */
function tlsFault(cert: string, key: string): { in: 'cert_file' | 'key_file'; message: string } | undefined {
  try {
    createSecureContext({ cert })
  } catch {
    return {
      in: 'cert_file',
      message: 'is not a certificate in PEM; the file begins with `-----BEGIN CERTIFICATE-----`',
    }
  }
  try {
    createSecureContext({ key })
  } catch {
    return { in: 'key_file', message: 'is not a private key in PEM without a passphrase' }
  }
  try {
    createSecureContext({ cert, key })
    return undefined
  } catch {
    return { in: 'key_file', message: 'is not the key of the certificate; give the one that it was made for' }
  }
}
