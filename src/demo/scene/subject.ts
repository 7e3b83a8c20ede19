import { createRandom } from '../random.ts'
import { findKeywords } from '../writing/words.ts'
import { beasts, drawBeast, type Pose } from './animals.ts'
import { blend, type Canvas, type Point, type Rgb } from './canvas.ts'
import { birds, drawBird, drawFish, fishes } from './flyers.ts'
import type { Setting } from './light.ts'
import { drawPerson, people } from './people.ts'
import { drawVehicle, type Vehicle, vehicles } from './vehicles.ts'

type Motion = 'walk' | 'run' | 'fly' | 'swim' | 'hop' | 'dance' | 'sail' | 'rise' | 'drift'

/** What the film is about, and how it moves. */
export interface Subject {
  readonly motion: Motion
  /** Whether `pose.y` is its middle and not its feet. */
  readonly floats: boolean
  readonly draw: (canvas: Canvas, pose: Pose, motion: Motion) => void
}

const colours: readonly (readonly [RegExp, Rgb])[] = [
  [/\bred\b|crimson|scarlet/, [220, 58, 58]],
  [/\borange\b/, [240, 140, 50]],
  [/\byellow\b|golden|\bgold\b/, [236, 188, 84]],
  [/\bgreen\b|emerald/, [80, 170, 90]],
  [/\bblue\b|azure/, [66, 120, 216]],
  [/\bpurple\b|violet/, [140, 86, 190]],
  [/\bpink\b|rose\b/, [244, 140, 180]],
  [/\bwhite\b/, [246, 246, 248]],
  [/\bblack\b/, [58, 56, 68]],
  [/\b(gr[ae]y|silver)\b/, [160, 166, 178]],
  [/\bbrown\b/, [140, 92, 58]],
]

const motions: readonly (readonly [RegExp, Motion])[] = [
  [/danc|sway|twirl/, 'dance'],
  [/jump|hop|bounc|leap/, 'hop'],
  [/swim|div(e|ing)\b/, 'swim'],
  [/fl(y|ies|ying|ew)\b|soar|glid|hover/, 'fly'],
  [/launch|lift|rising|rises|takes? off|taking off|ascend/, 'rise'],
  [/float|drift|spin|orbit/, 'drift'],
  [/run|rac(e|ing)|gallop|chas|sprint|speed/, 'run'],
]

/** Picks the first thing we can draw that the prompt names; a small creature stands for anything else. */
export function chooseSubject(prompt: string, setting: Setting): Subject {
  const words = prompt.toLowerCase()
  const asked = motions.find(([pattern]) => pattern.test(words))?.[1]
  const still = setting.place === 'underwater' ? 'swim' : setting.place === 'space' ? 'drift' : 'walk'
  const candidates = [
    findNamed(words, beasts, (beast, tint) => {
      const painted = tint === undefined ? beast : { ...beast, coat: tint, belly: blend(tint, [255, 250, 240], 0.45) }
      return { motion: asked ?? still, floats: false, draw: (canvas, pose) => drawBeast(canvas, painted, pose) }
    }),
    findNamed(words, birds, (bird, tint) => {
      const painted = tint === undefined ? bird : { ...bird, body: tint, wing: blend(tint, [10, 10, 40], 0.3) }
      return { motion: asked ?? 'fly', floats: true, draw: (canvas, pose) => drawBird(canvas, painted, pose) }
    }),
    findNamed(words, fishes, (fish, tint) => ({
      motion: asked ?? 'swim',
      floats: true,
      draw: (canvas, pose) => drawFish(canvas, { ...fish, body: tint ?? fish.body }, pose),
    })),
    findNamed(words, people, (person, tint) => ({
      motion: asked ?? still,
      floats: false,
      draw: (canvas, pose, motion) => {
        drawPerson(canvas, { ...person, shirt: tint ?? person.shirt }, pose, motion === 'dance')
      },
    })),
    findNamed(words, vehicles, (vehicle, tint) => ({
      motion: asked ?? vehicleMotions[vehicle.kind],
      floats: false,
      draw: (canvas, pose) => drawVehicle(canvas, { ...vehicle, paint: tint ?? vehicle.paint }, pose),
    })),
  ]
  const [first] = candidates.filter((candidate) => candidate !== undefined).toSorted((a, b) => a.at - b.at)
  return first?.subject ?? { motion: asked ?? 'hop', floats: false, draw: inventCreature(prompt, findTint(words)) }
}

const vehicleMotions = {
  car: 'run',
  bus: 'run',
  boat: 'sail',
  rocket: 'rise',
  plane: 'fly',
  balloon: 'drift',
  ball: 'hop',
} as const satisfies Record<Vehicle['kind'], Motion>

/** The first entry of the table whose words occur, with the colour that stands before it. */
function findNamed<T>(
  words: string,
  table: readonly (readonly [RegExp, T])[],
  toSubject: (thing: T, tint: Rgb | undefined) => Subject,
): { readonly at: number; readonly subject: Subject } | undefined {
  const hits = table.map(([pattern, thing]) => ({ thing, at: words.search(pattern) })).filter(({ at }) => at >= 0)
  const [hit] = hits.toSorted((a, b) => a.at - b.at)
  if (hit === undefined) return undefined
  // A colour further away belongs to something else: "a horse in a green meadow".
  const before = words.slice(Math.max(0, hit.at - 24), hit.at)
  return { at: hit.at, subject: toSubject(hit.thing, findTint(before)) }
}

function findTint(words: string): Rgb | undefined {
  return colours.find(([pattern]) => pattern.test(words))?.[1]
}

/** A round creature of its own colour and shape for every word we have no picture of. */
function inventCreature(prompt: string, tint: Rgb | undefined): Subject['draw'] {
  const random = createRandom('creature', findKeywords(prompt, 1)[0]?.word ?? prompt)
  const body =
    tint ??
    random.pick<Rgb>([
      [240, 120, 110],
      [110, 180, 220],
      [150, 200, 110],
      [190, 140, 220],
      [250, 190, 90],
    ])
  const eyes = random.integer(1, 3)
  const horns = random.integer(0, 2)
  const width = random.between(10, 14)
  return (canvas, pose) => {
    const at = (dx: number, dy: number): Point => [pose.x + dx * pose.size, pose.y - dy * pose.size]
    const squash = 1 + 0.08 * Math.sin(pose.stride * 4 * Math.PI)
    canvas.outlined(blend(body, [20, 14, 40], 0.7), () => {
      for (let i = 0; i < horns; i++) {
        const dx = horns === 1 ? 0 : i * 12 - 6
        canvas.limb(at(dx * 0.6, 18), at(dx * 1.2, 28 * squash), 2 * pose.size, body)
        canvas.ellipse(...at(dx * 1.2, 28 * squash), 2.2 * pose.size, 2.2 * pose.size, [250, 230, 130])
      }
      for (const side of [-1, 1]) canvas.ellipse(...at(side * width * 0.5, 1.6), 4 * pose.size, 2 * pose.size, body)
      canvas.ellipse(...at(0, 11 * squash), (width / squash) * pose.size, 11 * squash * pose.size, body)
    })
    canvas.ellipse(...at(2, 7), width * 0.6 * pose.size, 5 * pose.size, blend(body, [255, 255, 255], 0.35))
    for (let i = 0; i < eyes; i++) {
      const dx = 3 + (i - (eyes - 1) / 2) * 6
      canvas.ellipse(...at(dx, 14 * squash), 2.8 * pose.size, 3 * pose.size, [255, 255, 255])
      canvas.ellipse(...at(dx + 0.9, 14 * squash), 1.3 * pose.size, 1.5 * pose.size, [24, 20, 34])
    }
    canvas.limb(at(1, 8.4), at(5, 8.4), 1 * pose.size, blend(body, [60, 10, 30], 0.7))
  }
}
