/** A master key. `mint` signs new tokens and verifies; `verify` only verifies. */
export interface MasterKey {
  /** 0–255: the first byte of every token id it signs. */
  readonly id: number
  readonly state: 'mint' | 'verify'
  /** 32 bytes. */
  readonly secret: Uint8Array
}

/** The keys as they are whenever they are asked for: a rotation may come between two looks. */
export interface KeyRing {
  /** The key that signs now. */
  readonly minting: MasterKey
  readonly all: readonly MasterKey[]
  find(id: number): MasterKey | undefined
}
