import { readFileSync } from 'node:fs'

const read = (name: string): string => readFileSync(new URL(`./tls/${name}`, import.meta.url), 'utf8')

/** A certificate for `cln` and `localhost` by a private authority; for tests only. */
export const serverTls = () => ({ key: read('server-key.pem'), cert: read('server.pem') })

/** The authority that signed it, and one that did not. */
export const authorities = () => ({ right: read('ca.pem'), wrong: read('other-ca.pem') })
