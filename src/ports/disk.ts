/** The disk that the ledger is on. */
export interface Disk {
  /** What may still be written, bytes; Infinity where that cannot be told. Rejects when the disk does not answer. */
  freeBytes(): Promise<number>
}
