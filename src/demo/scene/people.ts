import type { Pose } from './animals.ts'
import { blend, type Canvas, type Point, type Rgb } from './canvas.ts'

export interface Person {
  readonly skin: Rgb
  readonly shirt: Rgb
  readonly trousers: Rgb
  readonly kind: 'person' | 'robot' | 'astronaut'
}

const person: Person = { skin: [232, 186, 146], shirt: [214, 72, 72], trousers: [56, 72, 122], kind: 'person' }

export const people: readonly (readonly [RegExp, Person])[] = [
  [
    /\b(astronaut|cosmonaut|spaceman)s?\b/,
    { skin: [90, 160, 220], shirt: [240, 242, 246], trousers: [222, 226, 234], kind: 'astronaut' },
  ],
  [
    /\b(robot|android|cyborg|droid)s?\b/,
    { skin: [170, 186, 200], shirt: [140, 158, 178], trousers: [104, 120, 140], kind: 'robot' },
  ],
  [
    /\b(knight|warrior|samurai|wizard|king|queen|princess)s?\b/,
    { ...person, shirt: [120, 84, 170], trousers: [84, 84, 104] },
  ],
  [/\b(man|woman|person|people|boy|girl|child|kid|dancer|runner|chef|singer|hero|guy|men|women|children)s?\b/, person],
]

/** Someone on two legs. */
export function drawPerson(canvas: Canvas, who: Person, pose: Pose, isDancing: boolean): void {
  const { shirt, trousers, kind } = who
  const size = pose.size
  const angle = pose.stride * 2 * Math.PI
  const bob = Math.abs(Math.sin(angle)) * 1.2
  const lean = isDancing ? Math.sin(angle) * 2.5 : 0.8
  const at = (dx: number, dy: number): Point => [pose.x + dx * size, pose.y - (dy + bob) * size]
  const stride = Math.cos(angle) * (isDancing ? 3 : 6.5)
  const foot = (reach: number, lift: number): Point => [pose.x + reach * size, pose.y - (1 + Math.max(0, lift)) * size]
  const swing = isDancing
    ? [-8, 9 + Math.sin(angle) * 4, 8, 9 - Math.sin(angle) * 4]
    : [-stride * 0.9, -9, stride * 0.9, -9]
  const [backX = 0, backY = 0, frontX = 0, frontY = 0] = swing
  const thickness = kind === 'astronaut' ? 4.4 : 3.4
  canvas.outlined(blend(trousers, [14, 12, 30], 0.75), () => {
    canvas.limb(at(lean, 25), at(lean + backX, 25 + backY), thickness * 0.85 * size, blend(shirt, [0, 0, 20], 0.2))
    canvas.limb(at(0, 14), foot(-stride, Math.sin(angle) * 4), thickness * size, blend(trousers, [0, 0, 20], 0.2))
    canvas.limb(at(0, 14), foot(stride, -Math.sin(angle) * 4), thickness * size, trousers)
    if (kind === 'astronaut') canvas.rectangle(...at(lean - 6.5, 27), 6 * size, 11 * size, [190, 196, 206])
    canvas.limb(at(0, 15.5), at(lean, 24), (kind === 'robot' ? 8.5 : 7) * size, shirt)
    drawHead(canvas, who, at, lean, size)
    canvas.limb(at(lean, 25), at(lean + frontX, 25 + frontY), thickness * 0.85 * size, shirt)
  })
  if (kind === 'astronaut') return canvas.ellipse(...at(lean + 3, 35), 1 * size, 1.3 * size, [230, 244, 252])
  const eye: Rgb = kind === 'robot' ? [255, 210, 80] : [24, 20, 30]
  canvas.ellipse(...at(lean + 2, 33.6), 0.9 * size, 1.1 * size, eye)
  canvas.ellipse(...at(lean + 4.2, 33.6), 0.7 * size, 1.1 * size, eye)
  if (kind === 'robot') canvas.ellipse(...at(lean + 1, 20.5), 1.4 * size, 1.4 * size, [110, 230, 200])
}

function drawHead(
  canvas: Canvas,
  who: Person,
  at: (dx: number, dy: number) => Point,
  lean: number,
  size: number,
): void {
  if (who.kind === 'robot') {
    canvas.rectangle(...at(lean - 4.5, 38), 10.5 * size, 9 * size, who.skin)
    canvas.limb(at(lean + 0.5, 38), at(lean + 0.5, 42), 1 * size, who.trousers)
    return canvas.ellipse(...at(lean + 0.5, 43), 1.4 * size, 1.4 * size, [240, 90, 80])
  }
  if (who.kind === 'astronaut') {
    canvas.ellipse(...at(lean + 0.6, 33.5), 7 * size, 7 * size, who.shirt)
    return canvas.ellipse(...at(lean + 2.4, 33.5), 4.8 * size, 4.4 * size, who.skin)
  }
  canvas.ellipse(...at(lean + 0.8, 33), 5 * size, 5.4 * size, who.skin)
  canvas.ellipse(...at(lean - 0.4, 36.4), 4.8 * size, 2.6 * size, [82, 54, 40])
}
