import { blend, type Canvas, type Point, type Rgb } from './canvas.ts'

/** Where a figure stands and how far it is in its stride. Every figure looks to the right. */
export interface Pose {
  readonly x: number
  /** The row its feet, keel or belly are on. */
  readonly y: number
  /** Strides, wing beats or tail strokes so far; one is a whole cycle. */
  readonly stride: number
  /** 1 is drawn as the figure's table says. */
  readonly size: number
}

export interface Beast {
  readonly coat: Rgb
  readonly belly: Rgb
  readonly length: number
  readonly height: number
  readonly leg: number
  readonly neck: number
  readonly head: number
  readonly ears: 'pointed' | 'floppy' | 'long' | 'round' | 'huge'
  readonly tail: 'curled' | 'wagging' | 'bushy' | 'hanging' | 'tuft'
  readonly extra?: 'mane' | 'trunk' | 'horns' | 'stripes' | 'patches'
}

const cat: Beast = {
  coat: [232, 150, 70],
  belly: [252, 226, 190],
  length: 21,
  height: 8,
  leg: 8,
  neck: 4,
  head: 5,
  ears: 'pointed',
  tail: 'curled',
}
const horse: Beast = {
  coat: [140, 88, 54],
  belly: [176, 124, 84],
  length: 27,
  height: 10,
  leg: 15,
  neck: 13,
  head: 4.4,
  ears: 'pointed',
  tail: 'hanging',
  extra: 'mane',
}

/** Each with the words that mean it. The first whose words occur in the prompt is drawn. */
export const beasts: readonly (readonly [RegExp, Beast])[] = [
  [/\b(tiger)s?\b/, { ...cat, coat: [236, 140, 50], length: 26, height: 10, extra: 'stripes' }],
  [
    /\b(lion)s?\b/,
    { ...cat, coat: [222, 172, 92], length: 26, height: 10, ears: 'round', tail: 'tuft', extra: 'mane' },
  ],
  [/\b(panther|leopard|cheetah)s?\b/, { ...cat, coat: [66, 62, 78], belly: [92, 88, 104], length: 26 }],
  [/\b(cat|kitten|kitty)s?\b/, { ...cat, extra: 'stripes' }],
  [/\b(fox|foxes)\b/, { ...cat, coat: [222, 104, 44], belly: [250, 244, 236], tail: 'bushy', length: 22 }],
  [
    /\b(wolf|wolves|husky)\b/,
    { ...cat, coat: [136, 144, 160], belly: [228, 232, 238], tail: 'bushy', length: 24, height: 9 },
  ],
  [
    /\b(dog|puppy|puppies|hound|corgi|labrador)s?\b/,
    { ...cat, coat: [182, 124, 72], belly: [244, 230, 206], ears: 'floppy', tail: 'wagging' },
  ],
  [
    /\b(rabbit|bunny|hare)s?\b/,
    { ...cat, coat: [206, 196, 188], belly: [248, 244, 240], length: 15, leg: 5, ears: 'long', tail: 'tuft' },
  ],
  [/\b(unicorn)s?\b/, { ...horse, coat: [246, 242, 250], belly: [228, 220, 240], extra: 'horns' }],
  [/\b(horse|pony|stallion|mare|zebra|donkey)s?\b/, horse],
  [
    /\b(cow|bull|ox|calf)s?\b/,
    {
      ...horse,
      coat: [240, 236, 228],
      belly: [240, 210, 200],
      height: 13,
      leg: 10,
      neck: 4,
      head: 5.5,
      ears: 'floppy',
      extra: 'patches',
    },
  ],
  [
    /\b(deer|stag|moose|goat|elk)s?\b/,
    { ...horse, coat: [170, 116, 70], length: 22, height: 8, leg: 13, neck: 10, head: 4, extra: 'horns' },
  ],
  [
    /\b(elephant|mammoth)s?\b/,
    {
      ...horse,
      coat: [144, 148, 164],
      belly: [160, 164, 178],
      length: 30,
      height: 17,
      leg: 12,
      neck: 3,
      head: 8,
      ears: 'huge',
      extra: 'trunk',
    },
  ],
  [
    /\b(bear|panda)s?\b/,
    {
      ...cat,
      coat: [116, 80, 58],
      belly: [140, 102, 76],
      length: 24,
      height: 14,
      leg: 8,
      head: 6.5,
      ears: 'round',
      tail: 'tuft',
    },
  ],
  [
    /\b(mouse|mice|rat|hamster|squirrel)s?\b/,
    { ...cat, coat: [168, 148, 138], length: 13, height: 6, leg: 4, head: 4, ears: 'round' },
  ],
  [
    /\b(sheep|lamb|alpaca|llama)s?\b/,
    { ...cat, coat: [246, 242, 234], belly: [246, 242, 234], height: 13, ears: 'floppy', tail: 'tuft' },
  ],
]

/** An animal on four legs, walking. */
export function drawBeast(canvas: Canvas, beast: Beast, pose: Pose): void {
  const { coat, belly } = beast
  const scale = (value: number) => value * pose.size
  const bob = Math.abs(Math.sin(pose.stride * 2 * Math.PI)) * 0.9
  const at = (dx: number, dy: number): Point => [pose.x + scale(dx), pose.y - scale(dy + bob)]
  const dark = blend(coat, [20, 14, 30], 0.3)
  const half = beast.length / 2
  const back = beast.leg + beast.height
  const head: Point = [half + beast.neck * 0.45, back + beast.neck * 0.8]
  canvas.outlined(blend(coat, [20, 12, 30], 0.75), () => {
    drawTail(canvas, beast, pose, at)
    for (const [hip, phase, colour] of [
      [-half * 0.72, 0.5, dark],
      [half * 0.72, 0, dark],
      [-half * 0.6, 0, coat],
      [half * 0.6, 0.5, coat],
    ] as const) {
      drawLeg(canvas, beast, pose, { hip, phase, colour, bob })
    }
    const [x, y] = at(0, beast.leg + beast.height * 0.45)
    canvas.ellipse(x, y, scale(half), scale(beast.height * 0.58), coat)
    canvas.limb(at(half * 0.7, back - beast.height * 0.4), at(...head), scale(beast.neck > 8 ? 5.5 : 6.5), coat)
    if (beast.extra === 'mane') drawMane(canvas, beast, head, at, scale)
    drawHead(canvas, beast, head, at, scale)
  })
  const [bx, by] = at(0, beast.leg + beast.height * 0.12)
  canvas.ellipse(bx, by, scale(half * 0.62), scale(beast.height * 0.2), belly)
  drawMarkings(canvas, beast, at, scale)
  const [ex, ey] = at(head[0] + beast.head * 0.45, head[1] + beast.head * 0.15)
  canvas.ellipse(ex, ey, 0.95 * pose.size, 1.15 * pose.size, [24, 20, 30])
}

interface Leg {
  readonly hip: number
  readonly phase: number
  readonly colour: Rgb
  readonly bob: number
}

function drawLeg(canvas: Canvas, beast: Beast, pose: Pose, { hip, phase, colour, bob }: Leg): void {
  const angle = (pose.stride + phase) * 2 * Math.PI
  const lift = Math.max(0, Math.sin(angle)) * beast.leg * 0.3
  const reach = Math.cos(angle) * beast.leg * 0.45
  const hipPoint: Point = [pose.x + hip * pose.size, pose.y - (beast.leg + 2 + bob) * pose.size]
  const foot: Point = [pose.x + (hip + reach) * pose.size, pose.y - (lift + 0.8) * pose.size]
  const knee: Point = [(hipPoint[0] + foot[0]) / 2 + (1 + lift * 0.4) * pose.size, (hipPoint[1] + foot[1]) / 2]
  const thickness = Math.max(2.4, beast.height * 0.3) * pose.size
  canvas.limb(hipPoint, knee, thickness * 1.15, colour)
  canvas.limb(knee, foot, thickness * 0.85, colour)
}

type At = (dx: number, dy: number) => Point
type Scale = (value: number) => number

function drawTail(canvas: Canvas, beast: Beast, pose: Pose, at: At): void {
  const swing = Math.sin(pose.stride * 2 * Math.PI)
  const root: Point = [-beast.length / 2 + 1, beast.leg + beast.height * 0.75]
  const paint = (points: readonly Point[], thickness: number, colour = beast.coat) => {
    for (const [i, point] of points.entries()) {
      const next = points[i + 1]
      if (next !== undefined) canvas.limb(at(...point), at(...next), thickness * pose.size, colour)
    }
  }
  const [x, y] = root
  if (beast.tail === 'curled') paint([root, [x - 5, y + 3], [x - 7 + swing, y + 9], [x - 4 + swing * 2, y + 14]], 2.2)
  if (beast.tail === 'wagging') paint([root, [x - 4, y + 4], [x - 5 + swing * 2.5, y + 9]], 2.4)
  if (beast.tail === 'bushy') {
    paint([root, [x - 8, y - 1 + swing]], 5)
    paint(
      [
        [x - 9, y - 1 + swing],
        [x - 12, y + swing * 2],
      ],
      3.4,
      beast.belly,
    )
  }
  if (beast.tail === 'hanging')
    paint([root, [x - 3, y - 2], [x - 5 + swing, y - 10]], 2.8, blend(beast.coat, [20, 10, 10], 0.4))
  if (beast.tail === 'tuft') paint([root, [x - 3, y + 1 + swing * 0.5]], 3.2)
}

function drawMane(canvas: Canvas, beast: Beast, [hx, hy]: Point, at: At, scale: Scale): void {
  const mane = blend(beast.coat, [70, 30, 10], 0.5)
  if (beast.neck < 8) {
    const [x, y] = at(hx - 1.2, hy - 0.5)
    return canvas.ellipse(x, y, scale(beast.head * 1.5), scale(beast.head * 1.5), mane)
  }
  canvas.limb(at(beast.length * 0.22, beast.leg + beast.height + 1), at(hx - 2, hy + 3), scale(3.4), mane)
}

function drawHead(canvas: Canvas, beast: Beast, [hx, hy]: Point, at: At, scale: Scale): void {
  const { coat, head } = beast
  const dark = blend(coat, [40, 20, 30], 0.25)
  const ear = (dx: number, tip: Point, colour: Rgb) =>
    canvas.polygon(
      [at(hx + dx - 1.5, hy + head * 0.6), at(hx + dx + 1.7, hy + head * 0.6), at(hx + tip[0], hy + tip[1])],
      colour,
    )
  if (beast.ears === 'pointed') ear(-head * 0.5, [-head * 0.6, head * 1.7], dark)
  if (beast.ears === 'long')
    for (const dx of [-2.4, 0]) canvas.limb(at(hx + dx, hy + 2), at(hx + dx - 2, hy + head * 2.4), scale(2.2), coat)
  if (beast.ears === 'round')
    for (const dx of [-0.6, 0.4])
      canvas.ellipse(...at(hx + dx * head, hy + head * 0.85), scale(head * 0.4), scale(head * 0.4), dark)
  const [x, y] = at(hx, hy)
  canvas.ellipse(x, y, scale(head), scale(head * 0.9), coat)
  const muzzle = beast.neck > 8 ? head * 1.25 : head * 0.72
  canvas.limb(
    at(hx + head * 0.3, hy - head * 0.25),
    at(hx + muzzle, hy - head * (beast.neck > 8 ? 0.75 : 0.35)),
    scale(head * 0.85),
    beast.belly,
  )
  canvas.ellipse(...at(hx + muzzle + head * 0.35, hy - head * 0.2), scale(0.9), scale(0.8), [60, 40, 50])
  if (beast.ears === 'pointed') ear(head * 0.15, [head * 0.25, head * 1.75], coat)
  if (beast.ears === 'floppy')
    canvas.limb(at(hx - head * 0.4, hy + head * 0.6), at(hx - head * 0.8, hy - head * 0.7), scale(2.8), dark)
  if (beast.ears === 'huge') canvas.ellipse(...at(hx - head * 0.5, hy - 0.5), scale(head * 0.7), scale(head), dark)
  if (beast.extra === 'trunk') {
    canvas.limb(at(hx + head * 0.8, hy - 1), at(hx + head * 1.4, hy - head * 1.4), scale(3.6), coat)
    canvas.limb(at(hx + head * 1.4, hy - head * 1.4), at(hx + head * 1.9, hy - head * 2), scale(2.6), coat)
  }
  if (beast.extra === 'horns')
    for (const dx of [0, 2.4])
      canvas.limb(
        at(hx + dx - 0.5, hy + head * 0.7),
        at(hx + dx * 1.8 + 1, hy + head * 2.2),
        scale(1.3),
        [236, 220, 180],
      )
}

function drawMarkings(canvas: Canvas, beast: Beast, at: At, scale: Scale): void {
  const back = beast.leg + beast.height
  if (beast.extra === 'stripes') {
    const stripe = blend(beast.coat, [60, 24, 10], 0.55)
    for (const dx of [-0.3, -0.1, 0.1, 0.3])
      canvas.limb(
        at(dx * beast.length, back - 0.4),
        at(dx * beast.length - 0.6, back - beast.height * 0.4),
        scale(1.1),
        stripe,
      )
  }
  if (beast.extra === 'patches') {
    for (const [dx, dy, r] of [
      [-0.24, 0.6, 3.4],
      [0.08, 0.4, 4],
      [0.3, 0.7, 2.4],
    ] as const) {
      canvas.ellipse(...at(dx * beast.length, beast.leg + beast.height * dy), scale(r), scale(r * 0.8), [52, 44, 48])
    }
  }
}
