/** Text of which every reader makes the same: throws where the bytes are not UTF-8, and keeps a byte order mark as text. */
export const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
