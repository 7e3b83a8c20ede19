import { statfsSync } from 'node:fs'

/**
 * File systems that several machines share. SQLite's write-ahead log needs memory that all its users see and locks that
 * hold, and these give neither. (Numbers of statfs(2), `f_type`.)
 */
const networkTypes: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB'],
  [0x5346414f, 'AFS'],
  [0x6b414653, 'AFS'],
  [0x00c36400, 'Ceph'],
  [0x73757245, 'Coda'],
  [0x0bd00bd0, 'Lustre'],
  [0x01161970, 'GFS2'],
  [0x7461636f, 'OCFS2'],
  [0x19830326, 'BeeGFS'],
])

export const networkTypeName = (type: number): string | undefined => networkTypes.get(type >>> 0)

/** The name of the network file system that a directory is on; undefined on any other, and where it cannot be told. */
export function networkFileSystem(directory: string): string | undefined {
  try {
    // Some systems say it as a signed number.
    return networkTypeName(statfsSync(directory).type)
  } catch {
    return undefined
  }
}
