import { describe, expect, test } from 'vitest'
import { networkFileSystem, networkTypeName } from '#src/ledger/network-disk.ts'
import { refuseOldSqlite } from '#src/ledger/sqlite/open.ts'
import { openSqliteLedger } from '#src/ledger/sqlite/sqlite-ledger.ts'
import { makeDirectory } from '../support/ledger/opened-ledger.ts'

describe('a ledger is not opened', () => {
  test('on a file system that several machines share', async () => {
    using directory = makeDirectory()
    const onDeath = (cause: unknown): void => {
      throw cause
    }
    const opening = openSqliteLedger({ directory: directory.path, onDeath, networkFileSystem: () => 'NFS' })
    await expect(opening).rejects.toThrow(
      `${directory.path} is on NFS, where SQLite can lose what was sold; put \`data\``,
    )
    await expect(opening).rejects.toMatchObject({ name: 'LedgerError' })
  })

  test.for([
    [0x6969, 'NFS'],
    [0xff534d42, 'CIFS'],
    // As a system with signed numbers says it.
    [0xff534d42 | 0, 'CIFS'],
    [0xfe534d42, 'SMB'],
    [0x00c36400, 'Ceph'],
    [0xef53, undefined],
    [0x01021994, undefined],
    [0x794c7630, undefined],
    [0x58465342, undefined],
    [0x9123683e, undefined],
  ] as const)('the type %i is %s', ([type, name]) => {
    expect(networkTypeName(type)).toBe(name)
  })

  test('but is on a disk of this machine, and where it cannot be told', () => {
    using directory = makeDirectory()
    expect([networkFileSystem(directory.path), networkFileSystem('/no/such/directory')]).toEqual([undefined, undefined])
  })

  test.for(['3.51.2', '3.50.99', '3.9.0', '2.99.99'])('with SQLite %s, which can corrupt it', (version) => {
    expect(() => refuseOldSqlite(version)).toThrow(`SQLite ${version} can lose data; 3.51.3 or newer is needed`)
  })

  test.for(['3.51.3', '3.51.10', '3.52.0', '4.0.0'])('but with SQLite %s', (version) => {
    expect(() => refuseOldSqlite(version)).not.toThrow()
  })
})
