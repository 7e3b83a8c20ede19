import type { Pose } from './animals.ts'
import { blend, type Canvas, type Point, type Rgb } from './canvas.ts'

export interface Bird {
  readonly body: Rgb
  readonly wing: Rgb
  readonly size: number
  readonly kind: 'bird' | 'dragon' | 'butterfly'
}

export const birds: readonly (readonly [RegExp, Bird])[] = [
  [/\b(dragon|pterodactyl)s?\b/, { body: [72, 150, 84], wing: [44, 104, 70], size: 1.7, kind: 'dragon' }],
  [
    /\b(butterfly|butterflies|moth|bee|dragonfly)s?\b/,
    { body: [70, 50, 60], wing: [244, 150, 60], size: 0.9, kind: 'butterfly' },
  ],
  [/\b(eagle|hawk|falcon|owl)s?\b/, { body: [130, 92, 60], wing: [104, 70, 46], size: 1.3, kind: 'bird' }],
  [/\b(crow|raven|bat)s?\b/, { body: [54, 52, 70], wing: [36, 34, 50], size: 1, kind: 'bird' }],
  [
    /\b(gull|seagull|swan|dove|goose|stork|duck)s?\b/,
    { body: [246, 246, 250], wing: [196, 204, 216], size: 1.1, kind: 'bird' },
  ],
  [/\b(parrot|macaw|phoenix)s?\b/, { body: [226, 64, 50], wing: [40, 110, 200], size: 1.1, kind: 'bird' }],
  [
    /\b(bird|sparrow|robin|hummingbird|nightingale)s?\b/,
    { body: [66, 130, 206], wing: [40, 92, 168], size: 1, kind: 'bird' },
  ],
]

/** A bird, a dragon or a butterfly on the wing; `pose.y` is the middle of its body. */
export function drawBird(canvas: Canvas, bird: Bird, pose: Pose): void {
  const size = pose.size * bird.size
  const at = (dx: number, dy: number): Point => [pose.x + dx * size, pose.y + dy * size]
  const flap = Math.sin(pose.stride * 2 * Math.PI)
  const ink = blend(bird.body, [16, 12, 30], 0.75)
  if (bird.kind === 'butterfly') return drawButterfly(canvas, bird, at, flap, size)
  canvas.outlined(ink, () => {
    canvas.polygon(
      [at(1, -1), at(-7, -1), at(-4, -13 * flap - 3), at(0, -15 * flap - 2)],
      blend(bird.wing, [10, 10, 30], 0.3),
    )
    if (bird.kind === 'dragon') {
      const tail = [at(-8, 0), at(-14, 1 + flap), at(-20, -flap), at(-24, -2 - flap)] as const
      for (const [i, point] of tail.entries()) canvas.limb(point, tail[i + 1] ?? point, (4.4 - i) * size, bird.body)
      canvas.limb(at(8, -1), at(13, -6), 3.4 * size, bird.body)
    } else canvas.polygon([at(-7, 0), at(-14, -2.5), at(-14.5, 2), at(-8, 2)], bird.wing)
    canvas.ellipse(...at(0, 0), 9 * size, 4.6 * size, bird.body)
    const [hx, hy] = bird.kind === 'dragon' ? [15, -8] : [8.5, -3]
    const beak: Rgb = bird.kind === 'dragon' ? bird.body : [246, 176, 50]
    canvas.polygon([at(hx + 2.4, hy - 1.4), at(hx + 8, hy + 0.8), at(hx + 2.4, hy + 2)], beak)
    canvas.ellipse(...at(hx, hy), 4 * size, 3.6 * size, bird.body)
    canvas.polygon([at(4, -1), at(-6, -0.5), at(-5, -15 * flap - 1), at(-1, -17 * flap)], bird.wing)
  })
  canvas.ellipse(...at(1, 1.8), 5.4 * size, 1.8 * size, blend(bird.body, [255, 255, 255], 0.45))
  const [ex, ey] = bird.kind === 'dragon' ? [16, -9] : [10, -4]
  canvas.ellipse(...at(ex, ey), 1.1 * size, 1.1 * size, [20, 18, 30])
}

function drawButterfly(
  canvas: Canvas,
  bird: Bird,
  at: (dx: number, dy: number) => Point,
  flap: number,
  size: number,
): void {
  const open = 0.35 + 0.65 * Math.abs(flap)
  canvas.outlined([50, 30, 40], () => {
    for (const side of [-1, 1]) {
      canvas.ellipse(...at(side * 6 * open, -4), 6 * open * size, 6.5 * size, bird.wing)
      canvas.ellipse(...at(side * 4.5 * open, 5), 4.4 * open * size, 4.8 * size, blend(bird.wing, [255, 240, 120], 0.4))
    }
  })
  canvas.limb(at(0, -6), at(0, 7), 2.2 * size, bird.body)
  for (const side of [-1, 1]) canvas.limb(at(0, -6), at(side * 3, -11), 0.8 * size, bird.body)
}

export interface Fish {
  readonly body: Rgb
  readonly belly: Rgb
  readonly size: number
  readonly fin: 'small' | 'tall'
}

export const fishes: readonly (readonly [RegExp, Fish])[] = [
  [/\b(whale|orca)s?\b/, { body: [64, 92, 140], belly: [222, 232, 240], size: 2, fin: 'small' }],
  [/\b(shark)s?\b/, { body: [120, 134, 150], belly: [232, 236, 240], size: 1.6, fin: 'tall' }],
  [/\b(dolphin|porpoise|seal)s?\b/, { body: [96, 138, 180], belly: [226, 236, 244], size: 1.4, fin: 'tall' }],
  [/\b(turtle|ray)s?\b/, { body: [86, 140, 84], belly: [200, 206, 140], size: 1.2, fin: 'small' }],
  [
    /\b(fish|goldfish|clownfish|koi|salmon|mermaid|octopus|squid|jellyfish)(es)?\b/,
    { body: [250, 130, 50], belly: [255, 226, 170], size: 1, fin: 'small' },
  ],
]

/** A fish; `pose.y` is the middle of its body. */
export function drawFish(canvas: Canvas, fish: Fish, pose: Pose): void {
  const size = pose.size * fish.size
  const at = (dx: number, dy: number): Point => [pose.x + dx * size, pose.y + dy * size]
  const wag = Math.sin(pose.stride * 2 * Math.PI) * 2.4
  const tone = blend(fish.body, [10, 10, 40], 0.25)
  canvas.outlined(blend(fish.body, [10, 14, 40], 0.7), () => {
    canvas.polygon([at(-8, 0), at(-16, -6 + wag), at(-13.5, wag), at(-16, 6 + wag)], tone)
    canvas.polygon([at(-3, -4), at(-4, fish.fin === 'tall' ? -12 : -8), at(3, -4.5)], tone)
    canvas.ellipse(...at(0, 0), 11 * size, 5.8 * size, fish.body)
    canvas.polygon([at(1, 2), at(-4, 7.5 + wag * 0.4), at(4.5, 3.5)], tone)
  })
  canvas.ellipse(...at(1.5, 2.6), 7 * size, 2.3 * size, fish.belly)
  canvas.ellipse(...at(7, -1.4), 1.5 * size, 1.5 * size, [250, 250, 250])
  canvas.ellipse(...at(7.4, -1.4), 0.9 * size, 0.9 * size, [20, 20, 34])
}
