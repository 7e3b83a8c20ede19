import { UnusableInput } from '../operation.ts'

interface ImageFacts {
  readonly format: 'PNG' | 'JPEG' | 'GIF' | 'WebP'
  readonly width: number
  readonly height: number
  readonly note: string
}

/** What can be read off an image's header: format, size and shape. */
export function describeImage(imageData: string): string {
  const comma = imageData.indexOf(',')
  if (!imageData.startsWith('data:image/') || comma < 0 || !imageData.slice(0, comma).endsWith(';base64')) {
    throw new UnusableInput('imageData must be a data:image/…;base64,… URI')
  }
  const bytes = Buffer.from(imageData.slice(comma + 1), 'base64')
  const facts = readPng(bytes) ?? readGif(bytes) ?? readWebp(bytes) ?? readJpeg(bytes)
  if (facts === undefined) throw new UnusableInput('imageData is not a PNG, JPEG, GIF or WebP image')
  const { format, width, height, note } = facts
  const megapixels = (width * height) / 1e6
  const size = megapixels >= 0.1 ? ` (${megapixels.toFixed(1)} megapixels)` : ''
  const kilobytes = Math.max(1, Math.round(bytes.length / 1024)).toLocaleString('en')
  return (
    `The image is a ${format} of ${width} × ${height} pixels${size}, ${describeShape(width, height)}, ` +
    `in ${kilobytes} KiB. ${note} This sample service reads headers, not pixels, so what is in the picture is yours to say.`
  )
}

function describeShape(width: number, height: number): string {
  if (width === height) return 'a square'
  const known = [
    [16, 9],
    [4, 3],
    [3, 2],
    [2, 1],
    [21, 9],
  ] as const
  const [long, short] = width > height ? [width, height] : [height, width]
  const ratio = known.find(([a, b]) => Math.abs(long / short - a / b) < 0.01)
  const name = width > height ? 'wider than high' : 'higher than wide'
  return ratio === undefined ? name : `${name} at ${width > height ? ratio.join(':') : ratio.toReversed().join(':')}`
}

function readPng(bytes: Buffer): ImageFacts | undefined {
  if (bytes.length < 26 || bytes.toString('latin1', 1, 4) !== 'PNG') return undefined
  const depth = bytes[24] ?? 8
  const colours: Readonly<Record<number, string>> = {
    0: 'greyscale',
    2: 'true colour',
    3: 'a palette',
    4: 'greyscale with transparency',
    6: 'true colour with transparency',
  }
  const note = `It uses ${colours[bytes[25] ?? 2] ?? 'an unknown colour type'} at ${depth} bits.`
  return { format: 'PNG', width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20), note }
}

function readGif(bytes: Buffer): ImageFacts | undefined {
  if (bytes.length < 11 || !/^GIF8[79]a$/.test(bytes.toString('latin1', 0, 6))) return undefined
  const colours = 2 ** (((bytes[10] ?? 0) & 7) + 1)
  const note = `Its palette has room for ${colours} colours.`
  return { format: 'GIF', width: bytes.readUInt16LE(6), height: bytes.readUInt16LE(8), note }
}

function readWebp(bytes: Buffer): ImageFacts | undefined {
  if (bytes.length < 30 || bytes.toString('latin1', 0, 4) !== 'RIFF') return undefined
  if (bytes.toString('latin1', 8, 12) !== 'WEBP') return undefined
  const kind = bytes.toString('latin1', 12, 16)
  if (kind === 'VP8X') {
    const note = ((bytes[20] ?? 0) & 0x10) === 0 ? 'It has no transparency.' : 'It has transparency.'
    return { format: 'WebP', width: bytes.readUIntLE(24, 3) + 1, height: bytes.readUIntLE(27, 3) + 1, note }
  }
  if (kind === 'VP8L') {
    const packed = bytes.readUInt32LE(21)
    const note = 'It is compressed without loss.'
    return { format: 'WebP', width: (packed & 0x3fff) + 1, height: ((packed >>> 14) & 0x3fff) + 1, note }
  }
  const note = 'It is compressed with loss.'
  return { format: 'WebP', width: bytes.readUInt16LE(26) & 0x3fff, height: bytes.readUInt16LE(28) & 0x3fff, note }
}

/** A JPEG says its size in its frame header, behind any number of other segments. */
function readJpeg(bytes: Buffer): ImageFacts | undefined {
  if (bytes.length < 4 || bytes.readUInt16BE(0) !== 0xffd8) return undefined
  for (let at = 2; at + 9 < bytes.length && bytes[at] === 0xff; ) {
    const marker = bytes[at + 1] ?? 0
    const isFrame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc
    if (isFrame) {
      const note =
        marker === 0xc2 ? 'It loads progressively.' : bytes[at + 9] === 1 ? 'It is greyscale.' : 'It is in colour.'
      return { format: 'JPEG', width: bytes.readUInt16BE(at + 7), height: bytes.readUInt16BE(at + 5), note }
    }
    // 0xff may be repeated as padding before a marker.
    at += marker === 0xff ? 1 : 2 + bytes.readUInt16BE(at + 2)
  }
  return undefined
}
