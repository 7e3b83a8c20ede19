import type { Random } from '../random.ts'
import { blend, type Canvas, type Point, type Rgb } from './canvas.ts'
import { type Setting, shade } from './light.ts'

/** Craters, smaller towards the horizon. */
export function paintCraters(canvas: Canvas, setting: Setting, random: Random): void {
  const [floor, rim, pit]: readonly [Rgb, Rgb, Rgb] =
    setting.place === 'moon'
      ? [
          [160, 160, 170],
          [222, 222, 228],
          [126, 126, 138],
        ]
      : [
          [172, 88, 54],
          [226, 140, 92],
          [128, 60, 38],
        ]
  for (let i = 0; i < 6; i++) {
    const x = i * 30 + random.between(-6, 10)
    canvas.ellipse(x, setting.horizon + 1, random.between(12, 26), random.between(2, 6), blend(floor, rim, 0.45))
  }
  for (let i = 0; i < 16; i++) {
    const depth = random.next()
    const [x, y] = [random.between(0, 160), setting.horizon + 5 + depth * 30]
    const size = (1.4 + depth * 6) * random.between(0.6, 1.2)
    canvas.ellipse(x, y, size, size * 0.36, rim)
    canvas.ellipse(x + size * 0.08, y + size * 0.08, size * 0.88, size * 0.28, pit)
    canvas.ellipse(x + size * 0.2, y + size * 0.14, size * 0.66, size * 0.17, floor)
  }
}

/** Rounded hills with flowers in front. */
export function paintHills(canvas: Canvas, setting: Setting, random: Random): void {
  for (let i = 0; i < 4; i++) {
    const green = shade(blend([146, 196, 120], [104, 160, 84], i / 3), setting)
    canvas.ellipse(
      i * 52 + random.between(-16, 16),
      setting.horizon + 6,
      random.between(34, 56),
      random.between(10, 20),
      green,
    )
  }
  canvas.gradient(setting.horizon + 6, 90, shade([126, 182, 82], setting), shade([72, 132, 60], setting), 8)
  for (let i = 0; i < 26; i++) {
    const petal = random.pick<Rgb>([
      [250, 240, 120],
      [250, 250, 250],
      [240, 130, 150],
    ])
    canvas.ellipse(random.between(0, 160), random.between(setting.horizon + 10, 90), 0.7, 0.7, shade(petal, setting))
  }
}

/** Peaks with snow on them. */
export function paintMountains(canvas: Canvas, setting: Setting, random: Random): void {
  for (let i = 0; i < 6; i++) {
    const [x, height, half] = [i * 32 + random.between(-12, 12), random.between(22, 44), random.between(24, 36)]
    const peak: Point = [x, setting.horizon - height]
    const rock = shade(blend([112, 122, 150], [146, 156, 180], random.next()), setting)
    canvas.polygon([peak, [x + half, setting.horizon], [x - half, setting.horizon]], rock)
    canvas.polygon(
      [peak, [x + half, setting.horizon], [x + half * 0.2, setting.horizon]],
      blend(rock, [30, 36, 70], 0.25),
    )
    const cap = height * 0.32
    const edge = (half * cap) / height
    canvas.polygon(
      [
        peak,
        [x + edge, peak[1] + cap],
        [x + edge * 0.3, peak[1] + cap * 0.7],
        [x - edge * 0.2, peak[1] + cap * 1.1],
        [x - edge, peak[1] + cap],
      ],
      shade([244, 248, 252], setting),
    )
  }
}

/** Dunes and a few cacti. */
export function paintDunes(canvas: Canvas, setting: Setting, random: Random): void {
  for (let i = 0; i < 5; i++) {
    const sand = shade(blend([246, 206, 130], [214, 158, 88], i / 4), setting)
    canvas.ellipse(
      random.between(0, 160),
      setting.horizon + 4 + i * 5,
      random.between(30, 60),
      random.between(5, 11),
      sand,
    )
  }
  for (let i = 0; i < 3; i++) {
    const [x, y] = [random.between(10, 150), setting.horizon + random.between(2, 10)]
    const green = shade([72, 128, 70], setting)
    canvas.limb([x, y], [x, y - 14], 3, green)
    canvas.limb([x, y - 6], [x + 4, y - 7], 2, green)
    canvas.limb([x + 4, y - 7], [x + 4, y - 11], 2, green)
  }
}

/** The sea behind the sand, and palms. */
export function paintBeach(canvas: Canvas, setting: Setting, random: Random): void {
  canvas.gradient(50, setting.horizon + 1, shade([38, 128, 186], setting), shade([116, 204, 216], setting), 6)
  canvas.limb([0, setting.horizon + 1], [160, setting.horizon + 1], 1.4, shade([250, 252, 250], setting))
  for (let i = 0; i < 2; i++) {
    const x = i === 0 ? random.between(6, 26) : random.between(134, 154)
    const lean = i === 0 ? 5 : -5
    const y = setting.horizon + 8
    canvas.limb([x, y], [x + lean * 0.4, y - 18], 2.4, shade([140, 96, 60], setting))
    canvas.limb([x + lean * 0.4, y - 18], [x + lean, y - 34], 2, shade([150, 104, 66], setting))
    for (const [dx, dy] of [
      [-12, 2],
      [-8, -6],
      [0, -9],
      [8, -6],
      [12, 2],
    ] as const) {
      canvas.limb([x + lean, y - 34], [x + lean + dx * 0.6, y - 35 + dy * 0.8], 2.2, shade([60, 150, 80], setting))
      canvas.limb(
        [x + lean + dx * 0.6, y - 35 + dy * 0.8],
        [x + lean + dx, y - 31 + dy],
        1.4,
        shade([44, 124, 66], setting),
      )
    }
  }
}

/** Two rows of houses, windows lit at night, and a road. */
export function paintCity(canvas: Canvas, setting: Setting, random: Random): void {
  const isNight = setting.light === 'night'
  for (const row of [0, 1]) {
    for (let x = -4; x < 160; ) {
      const [width, height] = [random.between(11, 20), random.between(18, 46) - row * 8]
      const wall = shade(blend([120, 130, 156], [176, 160, 158], random.next()), {
        ...setting,
        light: isNight ? 'night' : 'day',
      })
      const front = row === 0 ? blend(wall, isNight ? [40, 46, 90] : [190, 214, 234], 0.5) : wall
      canvas.rectangle(x, setting.horizon - height, width - 1, height, front)
      for (let wx = x + 2; wx < x + width - 3; wx += 3) {
        for (let wy = setting.horizon - height + 3; wy < setting.horizon - 3; wy += 4) {
          const lit = random.chance(isNight ? 0.45 : 0.1)
          canvas.rectangle(wx, wy, 1.4, 2, lit ? [252, 220, 130] : blend(front, [30, 40, 70], 0.35))
        }
      }
      x += width
    }
  }
  canvas.rectangle(0, setting.horizon, 160, 3, shade([160, 158, 160], setting))
  for (let x = 4; x < 160; x += 22) canvas.rectangle(x, 82, 11, 1, shade([232, 226, 200], setting))
}

/** Firs in three depths. */
export function paintForest(canvas: Canvas, setting: Setting, random: Random): void {
  for (const depth of [0, 1, 2]) {
    const green = shade(blend([110, 160, 120], [34, 90, 52], depth / 2), setting)
    const foot = setting.horizon + depth * 3
    for (let x = random.between(-6, 4); x < 166; x += random.between(9, 16) + depth * 3) {
      const height = random.between(22, 32) + depth * 7
      canvas.rectangle(x - 1, foot - 3, 2, 5, shade([96, 68, 48], setting))
      for (const tier of [0, 1, 2]) {
        const [top, half] = [foot - height + tier * height * 0.25, (4 + tier * 2) * (0.8 + depth * 0.15)]
        const tone = tier % 2 === 0 ? green : blend(green, [0, 0, 0], 0.12)
        canvas.polygon(
          [
            [x, top],
            [x + half, top + height * 0.42],
            [x - half, top + height * 0.42],
          ],
          tone,
        )
      }
    }
  }
}

/** Rays from above, weeds and corals. */
export function paintReef(canvas: Canvas, setting: Setting, random: Random): void {
  for (let i = 0; i < 12; i++) {
    const [x, height] = [random.between(0, 160), random.between(8, 24)]
    const weed = random.pick<Rgb>([
      [40, 140, 90],
      [60, 160, 110],
      [30, 110, 100],
    ])
    for (let step = 0; step < 4; step++) {
      const sway = (at: number) => x + Math.sin(at * 1.8 + i) * 2
      const rise = (at: number) => setting.horizon + 4 - (height * at) / 4
      canvas.limb([sway(step), rise(step)], [sway(step + 1), rise(step + 1)], 1.8, weed)
    }
  }
  for (let i = 0; i < 8; i++) {
    const [x, y] = [random.between(0, 160), setting.horizon + random.between(3, 10)]
    const coral = random.pick<Rgb>([
      [236, 110, 120],
      [244, 160, 90],
      [190, 110, 200],
    ])
    for (const angle of [-0.7, -0.25, 0.25, 0.7]) {
      canvas.limb([x, y], [x + Math.sin(angle) * 7, y - Math.cos(angle) * 7], 1.6, coral)
    }
  }
}
