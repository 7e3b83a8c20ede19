import type { Pose } from './animals.ts'
import { blend, type Canvas, type Point, type Rgb } from './canvas.ts'

export interface Vehicle {
  readonly paint: Rgb
  readonly kind: 'car' | 'bus' | 'boat' | 'rocket' | 'plane' | 'balloon' | 'ball'
}

export const vehicles: readonly (readonly [RegExp, Vehicle])[] = [
  [/\b(rocket|spaceship|spacecraft|starship|shuttle|ufo|satellite)s?\b/, { paint: [240, 240, 246], kind: 'rocket' }],
  [/\b(plane|airplane|aeroplane|jet|aircraft|drone)s?\b/, { paint: [236, 240, 246], kind: 'plane' }],
  [/\b(balloon|zeppelin|airship)s?\b/, { paint: [230, 80, 70], kind: 'balloon' }],
  [/\b(boat|ship|sailboat|yacht|ferry|canoe|raft)s?\b/, { paint: [164, 92, 56], kind: 'boat' }],
  [/\b(bus|train|tram|truck|lorry|van)(es|s)?\b/, { paint: [244, 186, 50], kind: 'bus' }],
  [/\b(car|taxi|motorcycle|racecar|vehicle|lambo|lamborghini|bicycle|bike)s?\b/, { paint: [220, 58, 58], kind: 'car' }],
  [/\b(ball|bitcoin|coin|planet|balls|coins|bubble|bubbles)\b/, { paint: [248, 164, 40], kind: 'ball' }],
]

type At = (dx: number, dy: number) => Point

/** A thing that drives, sails, flies or rolls; `pose.y` is where it touches what carries it. */
export function drawVehicle(canvas: Canvas, vehicle: Vehicle, pose: Pose): void {
  const at: At = (dx, dy) => [pose.x + dx * pose.size, pose.y - dy * pose.size]
  const { paint, kind } = vehicle
  const draw = {
    car: drawCar,
    bus: drawBus,
    boat: drawBoat,
    rocket: drawRocket,
    plane: drawPlane,
    balloon: drawBalloon,
    ball: drawBall,
  }
  draw[kind](canvas, paint, at, pose)
}

const ink: Rgb = [34, 28, 44]
const glass: Rgb = [164, 216, 240]

function drawWheel(canvas: Canvas, [x, y]: Point, radius: number, turn: number): void {
  canvas.ellipse(x, y, radius, radius, [44, 42, 52])
  canvas.ellipse(x, y, radius * 0.55, radius * 0.55, [196, 200, 210])
  const [dx, dy] = [Math.cos(turn) * radius * 0.5, Math.sin(turn) * radius * 0.5]
  canvas.limb([x - dx, y - dy], [x + dx, y + dy], 0.9, [90, 90, 104])
}

function drawCar(canvas: Canvas, paint: Rgb, at: At, { size, stride }: Pose): void {
  canvas.outlined(ink, () => {
    canvas.polygon([at(-13, 10), at(-8, 18), at(5, 18), at(11, 10)], paint)
    canvas.polygon([at(-19, 4), at(-19, 10), at(-12, 11), at(11, 11), at(19, 8.5), at(20, 4)], paint)
    for (const dx of [-11, 11]) canvas.ellipse(...at(dx, 4), 4.4 * size, 4.4 * size, [44, 42, 52])
  })
  canvas.polygon([at(-10, 11), at(-6.6, 16.4), at(-1.5, 16.4), at(-1.5, 11)], glass)
  canvas.polygon([at(0, 11), at(0, 16.4), at(4.2, 16.4), at(8.6, 11)], glass)
  canvas.limb(at(-18, 7.5), at(16, 7.5), 1, blend(paint, [255, 255, 255], 0.35))
  canvas.ellipse(...at(18.4, 7.4), 1.5 * size, 1.2 * size, [255, 244, 170])
  for (const dx of [-11, 11]) drawWheel(canvas, at(dx, 4), 4.2 * size, stride * 5)
}

function drawBus(canvas: Canvas, paint: Rgb, at: At, { size, stride }: Pose): void {
  canvas.outlined(ink, () => canvas.polygon([at(-24, 4), at(-24, 23), at(22, 23), at(25, 12), at(25, 4)], paint))
  for (const dx of [-21, -12, -3, 6]) canvas.rectangle(...at(dx, 20.5), 7 * size, 6.5 * size, glass)
  canvas.polygon([at(15.5, 20.5), at(21, 20.5), at(23.6, 12.5), at(15.5, 12.5)], glass)
  canvas.limb(at(-23, 9), at(24, 9), 1.2, blend(paint, [255, 255, 255], 0.45))
  for (const dx of [-14, 14]) drawWheel(canvas, at(dx, 4), 4.4 * size, stride * 5)
}

function drawBoat(canvas: Canvas, paint: Rgb, at: At, { size, stride }: Pose): void {
  const wind = Math.sin(stride * 2 * Math.PI)
  canvas.outlined(ink, () => {
    canvas.limb(at(0, 6), at(0, 36), 1.4 * size, [120, 84, 54])
    canvas.polygon([at(1.5, 35), at(1.5, 10), at(17 + wind, 11)], [250, 246, 236])
    canvas.polygon([at(-1.5, 32), at(-1.5, 10), at(-12 + wind, 11)], [238, 224, 206])
    canvas.polygon([at(-18, 8), at(20, 8), at(13, -1), at(-13, -1)], paint)
  })
  canvas.polygon([at(0, 39), at(0, 35.6), at(-6 - wind, 37.2)], [226, 70, 70])
  canvas.limb(at(-16, 6), at(17, 6), 1.2, blend(paint, [255, 240, 220], 0.5))
}

function drawRocket(canvas: Canvas, paint: Rgb, at: At, { size, stride }: Pose): void {
  const flame = 8 + 4 * Math.sin(stride * 12)
  canvas.polygon([at(-4, 0), at(4, 0), at(0, -flame - 3)], [252, 148, 44])
  canvas.polygon([at(-2.2, 0), at(2.2, 0), at(0, -flame * 0.6)], [255, 236, 140])
  canvas.outlined(ink, () => {
    for (const side of [-1, 1]) canvas.polygon([at(side * 4, 10), at(side * 10, -1), at(side * 4, 2)], [222, 66, 66])
    canvas.ellipse(...at(0, 14), 6 * size, 15 * size, paint)
  })
  canvas.polygon([at(-4.3, 24), at(4.3, 24), at(0, 30)], [222, 66, 66])
  canvas.ellipse(...at(0, 17), 3 * size, 3 * size, [60, 90, 130])
  canvas.ellipse(...at(0, 17), 2 * size, 2 * size, glass)
}

function drawPlane(canvas: Canvas, paint: Rgb, at: At, { size }: Pose): void {
  canvas.outlined(ink, () => {
    canvas.polygon([at(-18, 3), at(-25, 13), at(-20, 13), at(-11, 4)], [222, 66, 66])
    canvas.limb(at(-18, 2), at(18, 1), 7.5 * size, paint)
    canvas.polygon([at(4, 0), at(-8, -11), at(-12, -11), at(-5, 0)], blend(paint, [60, 90, 140], 0.35))
  })
  for (let dx = -12; dx <= 10; dx += 4) canvas.ellipse(...at(dx, 3), 1 * size, 1 * size, [70, 120, 170])
  canvas.polygon([at(14, 4), at(19.5, 3.4), at(18, 1.6), at(14, 1.6)], glass)
}

function drawBalloon(canvas: Canvas, paint: Rgb, at: At, { size }: Pose): void {
  canvas.outlined(ink, () => {
    for (const side of [-1, 1]) canvas.limb(at(side * 3, 6), at(side * 8, 17), 0.6, [120, 90, 60])
    canvas.rectangle(...at(-4, 6), 8 * size, 6 * size, [156, 108, 64])
    canvas.ellipse(...at(0, 27), 15 * size, 16 * size, paint)
    canvas.polygon([at(-9, 16), at(9, 16), at(4, 9), at(-4, 9)], paint)
  })
  const light = blend(paint, [255, 240, 190], 0.6)
  for (const dx of [-7, 7]) canvas.ellipse(...at(dx, 27), 3 * size, 14.4 * size, light)
  canvas.ellipse(...at(-6, 35), 2.4 * size, 3 * size, [255, 252, 240])
}

function drawBall(canvas: Canvas, paint: Rgb, at: At, { size, stride }: Pose): void {
  canvas.outlined(ink, () => canvas.ellipse(...at(0, 11), 11 * size, 11 * size, paint))
  canvas.ellipse(...at(0, 11), 8.6 * size, 8.6 * size, blend(paint, [255, 255, 255], 0.2))
  const turn = stride * 2 * Math.PI
  const [dx, dy] = [Math.cos(turn) * 8, Math.sin(turn) * 8]
  canvas.limb(at(-dx, 11 - dy), at(dx, 11 + dy), 1.6, blend(paint, [80, 30, 0], 0.4))
  canvas.ellipse(...at(-4, 15.5), 2.4 * size, 1.8 * size, [255, 252, 240])
}
