export interface Media {
  /** `<id>.<extension>`, the last part of its address. */
  readonly name: string
  readonly contentType: string
  readonly bytes: Buffer
}

export interface MediaStore {
  put(media: Media): void
  get(name: string): Media | undefined
}

/** Generated files, in memory. When they grow past `maxBytes` the ones unused for longest go. */
export function createMediaStore(maxBytes: number): MediaStore {
  // A Map iterates in insertion order: putting a file back on use keeps the oldest use first.
  const files = new Map<string, Media>()
  let heldBytes = 0

  const remove = (media: Media) => {
    files.delete(media.name)
    heldBytes -= media.bytes.length
  }

  return {
    put(media) {
      const earlier = files.get(media.name)
      if (earlier !== undefined) remove(earlier)
      files.set(media.name, media)
      heldBytes += media.bytes.length
      for (const oldest of files.values()) {
        if (heldBytes <= maxBytes || oldest === media) break
        remove(oldest)
      }
    },
    get(name) {
      const media = files.get(name)
      if (media === undefined) return undefined
      files.delete(name)
      files.set(name, media)
      return media
    },
  }
}
