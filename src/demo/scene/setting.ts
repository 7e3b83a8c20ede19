import { createRandom, type Random } from '../random.ts'
import { blend, type Canvas, type Rgb } from './canvas.ts'
import {
  paintBeach,
  paintCity,
  paintCraters,
  paintDunes,
  paintForest,
  paintHills,
  paintMountains,
  paintReef,
} from './landscape.ts'
import { airless, type Light, type Place, type Setting, shade, type Weather } from './light.ts'

interface Look {
  readonly words: RegExp
  readonly ground: readonly [Rgb, Rgb] | undefined
  readonly horizon: number
  readonly paint?: (canvas: Canvas, setting: Setting, random: Random) => void
}

/** The first whose words occur in the prompt. */
const looks: Readonly<Record<Place, Look>> = {
  moon: {
    words: /\bmoon\b(?!light)|lunar/,
    ground: [
      [196, 196, 204],
      [118, 118, 130],
    ],
    horizon: 54,
    paint: paintCraters,
  },
  mars: {
    words: /\bmars\b|martian|red planet/,
    ground: [
      [206, 112, 66],
      [134, 60, 38],
    ],
    horizon: 54,
    paint: paintCraters,
  },
  space: { words: /\bspace|galaxy|cosmos|orbit|nebula|\bstars\b/, ground: undefined, horizon: 100 },
  underwater: {
    words: /underwater|under the sea|ocean floor|reef|aquarium|deep sea/,
    ground: [
      [214, 190, 130],
      [150, 124, 84],
    ],
    horizon: 76,
    paint: paintReef,
  },
  beach: {
    words: /beach|coast|shore|island|tropical/,
    ground: [
      [244, 222, 164],
      [222, 190, 126],
    ],
    horizon: 62,
    paint: paintBeach,
  },
  sea: {
    words: /\bsea\b|ocean|\blake|\briver|\bwater|\bwaves?\b|harbou?r/,
    ground: [
      [44, 118, 172],
      [18, 62, 112],
    ],
    horizon: 52,
  },
  desert: {
    words: /desert|dunes?\b|sahara|savannah?|canyon/,
    ground: [
      [236, 190, 110],
      [196, 138, 72],
    ],
    horizon: 56,
    paint: paintDunes,
  },
  city: {
    words: /\bcity|street|town\b|\broads?\b|tokyo|york|paris|london|downtown|neon|skyline/,
    ground: [
      [92, 92, 104],
      [58, 58, 68],
    ],
    horizon: 66,
    paint: paintCity,
  },
  forest: {
    words: /forest|\bwoods?\b|jungle|\btrees?\b/,
    ground: [
      [86, 132, 70],
      [46, 84, 48],
    ],
    horizon: 62,
    paint: paintForest,
  },
  snow: {
    words: /snow|winter|arctic|\bic[ey]\b|glacier/,
    ground: [
      [242, 246, 252],
      [190, 206, 226],
    ],
    horizon: 60,
    paint: paintMountains,
  },
  mountains: {
    words: /mountain|\balps|\bhills?\b|valley|cliff/,
    ground: [
      [112, 152, 84],
      [70, 110, 62],
    ],
    horizon: 60,
    paint: paintMountains,
  },
  meadow: {
    words: /meadow|field|garden|\bpark\b|grass|\bfarm/,
    ground: [
      [128, 184, 84],
      [72, 132, 60],
    ],
    horizon: 60,
    paint: paintHills,
  },
}

const skies: Readonly<Record<Light, readonly [Rgb, Rgb]>> = {
  day: [
    [74, 152, 224],
    [196, 228, 246],
  ],
  sunset: [
    [72, 52, 120],
    [252, 164, 96],
  ],
  night: [
    [10, 12, 38],
    [44, 54, 104],
  ],
}

/** Reads place, light and weather out of the prompt. */
export function chooseSetting(prompt: string): Setting {
  const words = prompt.toLowerCase()
  const places = Object.keys(looks) as Place[]
  const place = places.find((name) => looks[name].words.test(words)) ?? 'meadow'
  const night = airless.includes(place) || /\bnight|midnight|\bdark|moonlight|neon/.test(words)
  const light = night ? 'night' : /sunset|sunrise|dawn|dusk|evening|golden hour/.test(words) ? 'sunset' : 'day'
  const { horizon, ground } = looks[place]
  const random = createRandom('sky', prompt)
  const discX = random.chance(0.5) ? random.between(24, 52) : random.between(108, 136)
  const floor = ground === undefined ? 58 : chooseFloor(place)
  return { place, light, weather: chooseWeather(words, place, light), horizon, floor, discX }
}

function chooseFloor(place: Place): number {
  return place === 'sea' ? 66 : place === 'underwater' ? 82 : 80
}

function chooseWeather(words: string, place: Place, light: Light): Weather {
  if (place === 'underwater') return 'bubbles'
  if (airless.includes(place)) return 'stars'
  if (/\brain|\bstorm|thunder/.test(words)) return 'rain'
  if (/snow|blizzard/.test(words)) return 'snow'
  return light === 'night' ? 'stars' : 'clear'
}

/** Paints everything that does not move. */
export function paintSetting(canvas: Canvas, setting: Setting, seed: string): void {
  const random = createRandom('setting', seed)
  const look = looks[setting.place]
  const [top, low] = chooseSky(setting)
  canvas.gradient(0, Math.min(90, setting.horizon + 1), top, low, 16)
  if (setting.weather === 'stars') paintStars(canvas, setting, random)
  if (setting.place !== 'underwater' && setting.weather !== 'rain') paintSunOrMoon(canvas, setting, random)
  if (
    setting.light === 'day' &&
    setting.weather !== 'rain' &&
    ['meadow', 'mountains', 'sea', 'beach', 'city'].includes(setting.place)
  )
    paintClouds(canvas, random)
  if (look.ground !== undefined) {
    const [near, far] = look.ground.map((colour) => shade(colour, setting)) as [Rgb, Rgb]
    canvas.gradient(setting.horizon, 90, near, far, 8)
  }
  look.paint?.(canvas, setting, random)
}

function chooseSky(setting: Setting): readonly [Rgb, Rgb] {
  if (airless.includes(setting.place)) return [[4, 4, 18], setting.place === 'space' ? [38, 16, 62] : [20, 20, 48]]
  if (setting.place === 'underwater')
    return [
      [38, 150, 190],
      [8, 50, 100],
    ]
  if (setting.weather === 'rain')
    return setting.light === 'night'
      ? [
          [14, 18, 40],
          [50, 58, 84],
        ]
      : [
          [92, 106, 128],
          [176, 186, 196],
        ]
  if (setting.place === 'mars')
    return [
      [150, 96, 76],
      [232, 178, 138],
    ]
  return skies[setting.light]
}

function paintStars(canvas: Canvas, { horizon }: Setting, random: Random): void {
  for (let i = 0; i < 70; i++) {
    const brightness = random.between(0.3, 1)
    const size = random.chance(0.12) ? 0.7 : 0.4
    canvas.ellipse(
      random.between(0, 160),
      random.between(0, horizon),
      size,
      size,
      blend([60, 60, 110], [255, 255, 240], brightness),
    )
  }
}

function paintSunOrMoon(canvas: Canvas, { place, light, horizon, discX: x }: Setting, random: Random): void {
  if (place === 'moon') return paintEarth(canvas, x)
  if (place === 'space') return paintPlanet(canvas, x, random)
  const y = light === 'sunset' ? horizon - 8 : random.between(15, 22)
  const [glow, disc]: readonly [Rgb, Rgb] =
    light === 'night'
      ? [
          [90, 98, 150],
          [238, 238, 220],
        ]
      : [
          [255, 226, 150],
          [255, 246, 200],
        ]
  canvas.ellipse(x, y, 10, 10, glow)
  canvas.ellipse(x, y, 8, 8, disc)
  if (light !== 'night') return
  canvas.ellipse(x - 2.5, y - 2, 1.6, 1.4, [208, 208, 196])
  canvas.ellipse(x + 2, y + 2.5, 2.2, 1.8, [208, 208, 196])
}

function paintEarth(canvas: Canvas, x: number): void {
  canvas.ellipse(x, 20, 11.5, 11.5, [60, 110, 190])
  canvas.ellipse(x, 20, 10.5, 10.5, [36, 92, 184])
  canvas.ellipse(x - 3, 17, 4.5, 3.4, [70, 150, 80])
  canvas.ellipse(x + 4, 23, 3, 4, [70, 150, 80])
  canvas.ellipse(x + 1, 14, 5.5, 1.2, [236, 244, 250])
  canvas.ellipse(x - 2, 25, 6, 1, [236, 244, 250])
}

function paintPlanet(canvas: Canvas, x: number, random: Random): void {
  const body = random.pick<Rgb>([
    [214, 140, 84],
    [120, 170, 200],
    [190, 110, 160],
  ])
  canvas.limb([x - 17, 27], [x + 17, 17], 2.4, [220, 206, 170])
  canvas.ellipse(x, 22, 10, 10, body)
  canvas.ellipse(x - 1, 19, 8.4, 3, blend(body, [255, 255, 255], 0.25))
  canvas.ellipse(x + 1, 26, 8, 2.2, blend(body, [0, 0, 0], 0.2))
  canvas.limb([x - 11, 26.4], [x + 12, 20.6], 1.6, [240, 228, 196])
}

function paintClouds(canvas: Canvas, random: Random): void {
  for (let i = 0; i < 3; i++) {
    const [x, y, size] = [random.between(5, 155), random.between(8, 28), random.between(0.7, 1.3)]
    for (const [dx, dy, r] of [
      [-6, 1, 4],
      [0, -1, 5.5],
      [6, 1, 4.2],
      [1, 2, 6],
    ] as const) {
      canvas.ellipse(x + dx * size, y + dy * size, r * size, r * size * 0.6, [250, 252, 255])
    }
  }
}
