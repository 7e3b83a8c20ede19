import { createHash } from 'node:crypto'
import { encodeGif } from './gif.ts'
import { renderSong } from './music.ts'
import { type Answer, type Input, numberWithin, type OperationContext, oneOf, requireText } from './operation.ts'
import { transparent } from './scene/canvas.ts'
import { drawFilm } from './scene/film.ts'

const sizes = {
  pro: { drawnWidth: 240, scale: 2 },
  standard: { drawnWidth: 160, scale: 2 },
} as const

/** POST /generate-video: an animated picture of the prompt, as long as was asked for. */
export function generateVideo(input: Input, context: OperationContext): Answer {
  const prompt = requireText(input, 'prompt', 4000)
  const seconds = Math.round(numberWithin(input, 'duration', { min: 1, max: 15, default: 5 }))
  const mode = oneOf(input, 'mode', ['pro', 'standard'])
  const id = createHash('sha256').update(JSON.stringify({ prompt, seconds, mode })).digest('hex').slice(0, 20)
  const film = drawFilm({ prompt, seconds, framesPerSecond: 10, ...sizes[mode] })
  const bytes = encodeGif({ ...film, transparentIndex: transparent })
  const videoUrl = context.publish({ name: `film-${id}.gif`, contentType: 'image/gif', bytes })
  if (input['generate_audio'] !== true) return { kind: 'json', value: { videoUrl } }
  // A GIF has no sound track: the music for the film is a file of its own.
  const audio = renderSong({
    prompt,
    lyrics: undefined,
    sampleRate: 44_100,
    format: 'wav',
    length: { exactly: seconds },
  })
  return { kind: 'json', value: { videoUrl, audioUrl: context.publish(audio) } }
}
