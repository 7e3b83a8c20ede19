const headerBytes = 44
const bytesPerSample = 2

/** The samples as a playable file: RIFF/WAVE, 16-bit PCM, channels interleaved. */
export function encodeWav(samples: Int16Array, sampleRate: number, channels: number): Buffer {
  const data = encodePcm(samples)
  const header = Buffer.alloc(headerBytes)
  const bytesPerFrame = channels * bytesPerSample
  header.write('RIFF', 0, 'latin1')
  header.writeUInt32LE(headerBytes - 8 + data.length, 4)
  header.write('WAVEfmt ', 8, 'latin1')
  header.writeUInt32LE(16, 16)
  header.writeUInt16LE(1, 20)
  header.writeUInt16LE(channels, 22)
  header.writeUInt32LE(sampleRate, 24)
  header.writeUInt32LE(sampleRate * bytesPerFrame, 28)
  header.writeUInt16LE(bytesPerFrame, 32)
  header.writeUInt16LE(bytesPerSample * 8, 34)
  header.write('data', 36, 'latin1')
  header.writeUInt32LE(data.length, 40)
  return Buffer.concat([header, data])
}

/** The samples alone, little-endian whatever the machine. */
export function encodePcm(samples: Int16Array): Buffer {
  const bytes = Buffer.alloc(samples.length * bytesPerSample)
  for (let i = 0; i < samples.length; i++) bytes.writeInt16LE(samples[i] ?? 0, i * bytesPerSample)
  return bytes
}

/** The first channel of a 16-bit PCM WAV file as numbers from -1 to 1, or undefined when it is anything else. */
export function decodeWav(file: Buffer): { readonly sampleRate: number; readonly samples: Float32Array } | undefined {
  if (file.length < headerBytes || file.toString('latin1', 0, 4) !== 'RIFF') return undefined
  if (file.toString('latin1', 8, 12) !== 'WAVE') return undefined
  let format: { readonly channels: number; readonly sampleRate: number } | undefined
  for (let at = 12; at + 8 <= file.length; ) {
    const name = file.toString('latin1', at, at + 4)
    const size = file.readUInt32LE(at + 4)
    const start = at + 8
    if (name === 'fmt ' && start + 16 <= file.length) {
      if (file.readUInt16LE(start) !== 1 || file.readUInt16LE(start + 14) !== 16) return undefined
      format = { channels: file.readUInt16LE(start + 2), sampleRate: file.readUInt32LE(start + 4) }
    }
    if (name === 'data' && format !== undefined && format.channels > 0) {
      const stride = format.channels * bytesPerSample
      const frames = Math.floor((Math.min(start + size, file.length) - start) / stride)
      const samples = new Float32Array(frames)
      for (let i = 0; i < frames; i++) samples[i] = file.readInt16LE(start + i * stride) / 32_768
      return { sampleRate: format.sampleRate, samples }
    }
    // Chunks are padded to an even length.
    at = start + size + (size % 2)
  }
  return undefined
}
