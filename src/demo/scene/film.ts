import type { GifFrame } from '../gif.ts'
import { createRandom } from '../random.ts'
import type { Pose } from './animals.ts'
import { blend, Canvas, Palette, type Rgb, transparent } from './canvas.ts'
import { type Setting, shade } from './light.ts'
import { chooseSetting, paintSetting } from './setting.ts'
import { chooseSubject, type Subject } from './subject.ts'

export interface FilmPlan {
  readonly prompt: string
  readonly seconds: number
  readonly framesPerSecond: number
  /** The picture is drawn this wide, then every pixel becomes `scale` by `scale`. */
  readonly drawnWidth: number
  readonly scale: number
}

export interface Film {
  readonly width: number
  readonly height: number
  readonly palette: readonly Rgb[]
  readonly frames: readonly GifFrame[]
}

/** Draws the prompt's scene: a setting that stands still and a subject that moves through it. */
export function drawFilm(plan: FilmPlan): Film {
  const palette = new Palette()
  const canvas = new Canvas(plan.drawnWidth, palette)
  const setting = chooseSetting(plan.prompt)
  const subject = chooseSubject(plan.prompt.slice(0, 2000), setting)
  paintSetting(canvas, setting, plan.prompt)
  const background = canvas.pixels.slice()
  const count = Math.max(1, Math.round(plan.seconds * plan.framesPerSecond))
  const frames: GifFrame[] = []
  let previous: Uint8Array | undefined
  for (let i = 0; i < count; i++) {
    canvas.pixels.set(background)
    drawMoment(canvas, setting, subject, { share: i / count, seconds: i / plan.framesPerSecond, prompt: plan.prompt })
    // Rounding the end of every frame, not its length, keeps the sum exact.
    const delay = Math.round(((i + 1) * plan.seconds * 100) / count) - Math.round((i * plan.seconds * 100) / count)
    frames.push(cutFrame(canvas, previous, plan.scale, delay))
    previous = canvas.pixels.slice()
  }
  return { width: canvas.width * plan.scale, height: canvas.height * plan.scale, palette: palette.colours, frames }
}

interface Moment {
  /** How much of the film is over, from 0 to 1. */
  readonly share: number
  readonly seconds: number
  readonly prompt: string
}

function drawMoment(canvas: Canvas, setting: Setting, subject: Subject, moment: Moment): void {
  if (setting.place === 'sea' || setting.place === 'beach') drawWaves(canvas, setting, moment.seconds)
  const pose = poseAt(setting, subject, moment)
  const touchesGround = !subject.floats && ['walk', 'run', 'hop', 'dance'].includes(subject.motion)
  if (touchesGround && setting.floor > setting.horizon && setting.place !== 'sea') {
    const lifted = (setting.floor - pose.y) / 40
    canvas.ellipse(pose.x, setting.floor, 13 * pose.size * (1 - lifted * 0.5), 1.8, shadowColour(setting))
  }
  subject.draw(canvas, pose, subject.motion)
  if (subject.motion === 'sail') drawBow(canvas, setting, pose, moment.seconds)
  drawWeather(canvas, setting, moment)
}

const shadows: Readonly<Partial<Record<Setting['place'], Rgb>>> = {
  moon: [84, 84, 98],
  mars: [96, 44, 30],
  snow: [150, 168, 196],
  city: [40, 40, 50],
  desert: [168, 118, 66],
  beach: [180, 146, 96],
}

function shadowColour(setting: Setting): Rgb {
  return shade(shadows[setting.place] ?? [60, 90, 50], setting)
}

function poseAt({ floor, horizon, place }: Setting, { motion, floats }: Subject, { share, seconds }: Moment): Pose {
  const across = 30 + 100 * share
  const middle = floats ? horizon * 0.55 : horizon * 0.75
  const wave = (hz: number) => Math.sin(seconds * hz * 2 * Math.PI)
  const size = 1.15
  // On the moon every step is a slow leap.
  const spring = place === 'moon' ? Math.abs(wave(0.55)) * 7 : 0
  const ground = floats ? floor - 8 : floor
  switch (motion) {
    case 'walk':
      return { x: across, y: ground - spring, stride: seconds * 1.1, size }
    case 'run':
      return { x: 20 + 120 * share, y: ground - spring - Math.abs(wave(2)) * 1.2, stride: seconds * 2.1, size }
    case 'hop':
      return { x: across, y: ground - Math.abs(wave(place === 'moon' ? 0.4 : 0.8)) * 20, stride: seconds * 0.8, size }
    case 'dance':
      return { x: 80 + 14 * wave(0.25), y: ground - Math.abs(wave(1)) * 3, stride: seconds * 1, size: 1.3 }
    case 'fly':
      return { x: across, y: middle + 6 * wave(0.4), stride: seconds * 1.7, size }
    case 'swim':
      return { x: across, y: (place === 'underwater' ? 44 : floor - 4) + 4 * wave(0.5), stride: seconds * 1.4, size }
    case 'sail':
      return { x: across, y: (place === 'sea' ? floor : floor - 6) + 1.4 * wave(0.4), stride: seconds * 0.5, size }
    case 'rise':
      return { x: 80 + 2 * wave(0.7), y: 74 - 58 * share ** 1.5, stride: seconds * 1, size }
    case 'drift':
      return { x: 45 + 70 * share, y: 60 + 6 * wave(0.2) - 8 * share, stride: seconds * 0.4, size }
  }
}

function drawWaves(canvas: Canvas, setting: Setting, seconds: number): void {
  const rows = setting.place === 'sea' ? [56, 60, 65, 71, 78, 86] : [54, 58]
  const foam = shade(setting.place === 'sea' ? [120, 184, 220] : [214, 240, 244], setting)
  for (const [row, y] of rows.entries()) {
    const [length, gap] = [5 + row * 1.6, 24 + row * 3]
    for (let x = -gap; x < 160 + gap; x += gap) {
      const left = x + ((seconds * (3 + row) + row * 11) % gap)
      canvas.limb([left, y], [left + length, y + 0.4 * Math.sin(seconds * 3 + x)], 0.9, foam)
    }
  }
}

function drawBow(canvas: Canvas, setting: Setting, { x, size }: Pose, seconds: number): void {
  const y = setting.place === 'sea' ? setting.floor : setting.floor - 6
  const spray = 1.5 * Math.sin(seconds * 6)
  canvas.limb([x - 22 * size, y + 1.5], [x + (19 + spray) * size, y + 1.5], 2.2, shade([216, 236, 246], setting))
}

function drawWeather(canvas: Canvas, { weather, horizon, discX }: Setting, { share, seconds, prompt }: Moment): void {
  if (weather === 'clear') return
  const random = createRandom('weather', prompt)
  const count = weather === 'stars' ? 6 : weather === 'bubbles' ? 12 : 34
  for (let i = 0; i < count; i++) {
    const [x, y, own] = [random.between(0, 160), random.between(0, 90), random.next()]
    if (weather === 'stars' && Math.abs(x - discX) > 19 && Math.sin(seconds * (2 + own * 3) + own * 9) > 0.3) {
      const glint: Rgb = [255, 255, 246]
      const row = y * (horizon / 95)
      canvas.limb([x - 1.2, row], [x + 1.2, row], 0.5, glint)
      canvas.limb([x, row - 1.2], [x, row + 1.2], 0.5, glint)
    }
    if (weather === 'rain') {
      const row = (y + seconds * (110 + own * 40)) % 96
      canvas.limb([x, row - 4], [x - 1, row], 0.5, [170, 196, 226])
    }
    if (weather === 'snow') {
      // Whole falls within the film, so that its end meets its beginning.
      const row = (y + share * 96 * (1 + Math.round(own))) % 96
      canvas.ellipse(x + 3 * Math.sin(seconds + own * 6), row, 0.8 + own * 0.6, 0.8 + own * 0.6, [252, 252, 255])
    }
    if (weather === 'bubbles') {
      const row = 95 - ((y + seconds * (8 + own * 10)) % 95)
      canvas.ellipse(
        x + Math.sin(seconds * 2 + own * 6),
        row,
        1 + own,
        1 + own,
        blend([70, 160, 200], [255, 255, 255], 0.6),
      )
    }
  }
}

/** The smallest rectangle that holds every change; what did not change in it is transparent and compresses to little. */
function cutFrame(canvas: Canvas, previous: Uint8Array | undefined, scale: number, delay: number): GifFrame {
  const { width, height, pixels } = canvas
  let [left, top, right, bottom] = previous === undefined ? [0, 0, width - 1, height - 1] : [width, height, -1, -1]
  for (let i = 0; i < (previous?.length ?? 0); i++) {
    if (pixels[i] === previous?.[i]) continue
    const [x, y] = [i % width, Math.floor(i / width)]
    left = Math.min(left, x)
    right = Math.max(right, x)
    top = Math.min(top, y)
    bottom = Math.max(bottom, y)
  }
  // A frame needs a pixel even when nothing moved.
  if (right < left) [left, top, right, bottom] = [0, 0, 0, 0]
  const [columns, rows] = [(right - left + 1) * scale, (bottom - top + 1) * scale]
  const out = new Uint8Array(columns * rows)
  for (let y = 0; y < rows; y += scale) {
    for (let x = 0; x < columns; x++) {
      const at = (top + y / scale) * width + left + Math.floor(x / scale)
      const colour = pixels[at] ?? transparent
      out[y * columns + x] = previous !== undefined && previous[at] === colour ? transparent : colour
    }
    for (let copy = 1; copy < scale; copy++) out.copyWithin((y + copy) * columns, y * columns, (y + 1) * columns)
  }
  return { left: left * scale, top: top * scale, width: columns, height: rows, pixels: out, delay }
}
