export interface ReadFrame {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
  readonly delay: number
  readonly transparent: number
  readonly codeSize: number
  readonly data: Buffer
}

export interface ReadGif {
  readonly width: number
  readonly height: number
  readonly palette: Buffer
  readonly repeats: boolean
  readonly frames: readonly ReadFrame[]
}

/** Reads a GIF89a block by block; whatever is not as the specification says throws. */
export function readGif(file: Buffer): ReadGif {
  if (file.toString('latin1', 0, 6) !== 'GIF89a') throw new Error('not a GIF89a')
  const packed = file.readUInt8(10)
  const paletteBytes = 3 * 2 ** ((packed & 7) + 1)
  const frames: ReadFrame[] = []
  let at = 13 + paletteBytes
  let delay = 0
  let transparent = -1
  let repeats = false
  while (file[at] !== 0x3b) {
    const kind = file.readUInt8(at)
    if (kind === 0x21) {
      const label = file.readUInt8(at + 1)
      const blocks = readBlocks(file, at + 2)
      if (label === 0xf9) {
        delay = blocks.data.readUInt16LE(1)
        transparent = (blocks.data.readUInt8(0) & 1) === 1 ? blocks.data.readUInt8(3) : -1
      }
      if (label === 0xff) repeats = blocks.data.toString('latin1', 0, 11) === 'NETSCAPE2.0'
      at = blocks.end
    } else if (kind === 0x2c) {
      const [left, top] = [file.readUInt16LE(at + 1), file.readUInt16LE(at + 3)]
      const [width, height] = [file.readUInt16LE(at + 5), file.readUInt16LE(at + 7)]
      const { data, end } = readBlocks(file, at + 11)
      frames.push({ left, top, width, height, delay, transparent, codeSize: file.readUInt8(at + 10), data })
      at = end
    } else throw new Error(`unknown block ${kind} at ${at}`)
  }
  if (at !== file.length - 1) throw new Error('bytes after the trailer')
  const palette = file.subarray(13, 13 + paletteBytes)
  return { width: file.readUInt16LE(6), height: file.readUInt16LE(8), palette, repeats, frames }
}

function readBlocks(file: Buffer, start: number): { readonly data: Buffer; readonly end: number } {
  const parts: Buffer[] = []
  let at = start
  for (let size = file.readUInt8(at); size > 0; size = file.readUInt8(at)) {
    parts.push(file.subarray(at + 1, at + 1 + size))
    at += 1 + size
  }
  return { data: Buffer.concat(parts), end: at + 1 }
}

/** The palette indexes of a frame, straight from the LZW appendix of the specification. */
export function decodeFrame(frame: ReadFrame): number[] {
  const clear = 2 ** frame.codeSize
  const out: number[] = []
  let table: (readonly number[])[] = []
  let width = 0
  let previous: readonly number[] | undefined
  let bit = 0
  const reset = () => {
    table = Array.from({ length: clear + 2 }, (_, i) => (i < clear ? [i] : []))
    width = frame.codeSize + 1
    previous = undefined
  }
  reset()
  for (;;) {
    let code = 0
    for (let i = 0; i < width; i++, bit++) code |= ((frame.data.readUInt8(bit >> 3) >> (bit & 7)) & 1) << i
    if (code === clear) {
      reset()
      continue
    }
    if (code === clear + 1) break
    if (code > table.length || (code === table.length && previous === undefined))
      throw new Error(`code ${code} too soon`)
    const entry = table[code] ?? [...(previous ?? []), previous?.[0] ?? 0]
    if (previous !== undefined && table.length < 4096) table.push([...previous, entry[0] ?? 0])
    if (table.length === 2 ** width && width < 12) width++
    for (const pixel of entry) out.push(pixel)
    previous = entry
  }
  if (Math.ceil(bit / 8) !== frame.data.length) throw new Error('bytes after the end code')
  if (out.length !== frame.width * frame.height)
    throw new Error(`${out.length} pixels instead of ${frame.width * frame.height}`)
  return out
}
