/** A rectangle of palette indexes that a frame paints over what was there before. */
export interface GifFrame {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
  /** One byte a pixel, row by row; `transparentIndex` keeps what was there. */
  readonly pixels: Uint8Array
  /** How long it stays, in hundredths of a second. */
  readonly delay: number
}

export interface GifImage {
  readonly width: number
  readonly height: number
  /** Red, green and blue, up to 256 of them. */
  readonly palette: readonly (readonly [number, number, number])[]
  readonly transparentIndex: number
  readonly frames: Iterable<GifFrame>
}

const keepPrevious = 1

/** An endlessly repeating animation (GIF89a). */
export function encodeGif({ width, height, palette, transparentIndex, frames }: GifImage): Buffer {
  const bits = Math.max(2, Math.ceil(Math.log2(palette.length)))
  const header = Buffer.alloc(13)
  header.write('GIF89a', 'latin1')
  header.writeUInt16LE(width, 6)
  header.writeUInt16LE(height, 8)
  header[10] = 0xf0 | (bits - 1)
  const colours = Buffer.alloc(3 * 2 ** bits)
  for (const [i, rgb] of palette.entries()) colours.set(rgb, 3 * i)
  const repeat = Buffer.from('\x21\xff\x0bNETSCAPE2.0\x03\x01\0\0\0', 'latin1')
  const parts: Buffer[] = [header, colours, repeat]
  for (const frame of frames) parts.push(encodeFrameHeader(frame, transparentIndex), compressLzw(frame.pixels, bits))
  parts.push(Buffer.from([0x3b]))
  return Buffer.concat(parts)
}

function encodeFrameHeader(frame: GifFrame, transparentIndex: number): Buffer {
  const header = Buffer.alloc(18)
  header.set([0x21, 0xf9, 4, (keepPrevious << 2) | 1], 0)
  header.writeUInt16LE(frame.delay, 4)
  header[6] = transparentIndex
  header[8] = 0x2c
  header.writeUInt16LE(frame.left, 9)
  header.writeUInt16LE(frame.top, 11)
  header.writeUInt16LE(frame.width, 13)
  header.writeUInt16LE(frame.height, 15)
  return header
}

const mostCodes = 4096
const tableSize = 16_384
const blockBytes = 255

/** GIF's variable-width LZW, with its code size in front, cut into blocks of at most 255 bytes. */
function compressLzw(pixels: Uint8Array, bits: number): Buffer {
  const codes = new CodeWriter(pixels.length)
  const clear = 2 ** bits
  // Open addressing: the key is the code of what came before and the next pixel, the value the code of both.
  const keys = new Int32Array(tableSize).fill(-1)
  const values = new Uint16Array(tableSize)
  let next = clear + 2
  let width = bits + 1
  codes.write(clear, width)
  let prefix = pixels[0] ?? 0
  for (let i = 1; i < pixels.length; i++) {
    const pixel = pixels[i] ?? 0
    const key = (prefix << 8) | pixel
    let slot = (Math.imul(key, 0x9e3779b1) >>> 18) & (tableSize - 1)
    while (keys[slot] !== key && keys[slot] !== -1) slot = (slot + 1) & (tableSize - 1)
    if (keys[slot] === key) {
      prefix = values[slot] ?? 0
      continue
    }
    codes.write(prefix, width)
    prefix = pixel
    if (next < mostCodes) {
      keys[slot] = key
      values[slot] = next
      // The decoder learns a code one step later than we do: it widens when the code just given no longer fits.
      if (next === 2 ** width) width++
      next++
    } else {
      codes.write(clear, width)
      keys.fill(-1)
      next = clear + 2
      width = bits + 1
    }
  }
  codes.write(prefix, width)
  // The code just written may have been the one at which the decoder widens.
  if (next === 2 ** width && width < 12) width++
  codes.write(clear + 1, width)
  return Buffer.concat([Buffer.from([bits]), codes.toBlocks(), Buffer.from([0])])
}

/** Packs codes into bytes, lowest bit first. */
class CodeWriter {
  readonly #bytes: Buffer
  #length = 0
  #pending = 0
  #pendingBits = 0

  constructor(pixelCount: number) {
    // Twelve bits a pixel is the worst there is.
    this.#bytes = Buffer.allocUnsafe(Math.ceil(pixelCount * 1.5) + 16)
  }

  write(code: number, width: number): void {
    this.#pending |= code << this.#pendingBits
    this.#pendingBits += width
    while (this.#pendingBits >= 8) {
      this.#bytes[this.#length++] = this.#pending & 0xff
      this.#pending >>>= 8
      this.#pendingBits -= 8
    }
  }

  toBlocks(): Buffer {
    if (this.#pendingBits > 0) this.#bytes[this.#length++] = this.#pending & 0xff
    const parts: Buffer[] = []
    for (let at = 0; at < this.#length; at += blockBytes) {
      const block = this.#bytes.subarray(at, Math.min(at + blockBytes, this.#length))
      parts.push(Buffer.from([block.length]), block)
    }
    return Buffer.concat(parts)
  }
}
