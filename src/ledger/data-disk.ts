import { statfs } from 'node:fs/promises'
import type { Disk } from '../ports/disk.ts'

/** The disk that a directory is on. */
export function diskOf(directory: string): Disk {
  return {
    async freeBytes() {
      const { bavail, bsize, blocks } = await statfs(directory, { bigint: true })
      // Some file systems do not count, and say that they have no blocks at all.
      return blocks === 0n ? Infinity : Number(bavail * bsize)
    },
  }
}
