import { blend, type Rgb } from './canvas.ts'

export type Place =
  | 'moon'
  | 'mars'
  | 'space'
  | 'desert'
  | 'beach'
  | 'sea'
  | 'underwater'
  | 'city'
  | 'forest'
  | 'mountains'
  | 'snow'
  | 'meadow'
export type Light = 'day' | 'sunset' | 'night'
export type Weather = 'clear' | 'rain' | 'snow' | 'bubbles' | 'stars'

/** Where and when the scene plays, as far as the prompt tells. */
export interface Setting {
  readonly place: Place
  readonly light: Light
  readonly weather: Weather
  /** The row where ground or water begins; below the picture when there is none. */
  readonly horizon: number
  /** The row on which feet and wheels stand. */
  readonly floor: number
  /** The column of the sun, the moon or whatever hangs in the sky. */
  readonly discX: number
}

/** Places without air have a black sky by day too. */
export const airless: readonly Place[] = ['moon', 'space']

/** A colour as it looks in the setting's light. */
export function shade(colour: Rgb, { light, place }: Pick<Setting, 'light' | 'place'>): Rgb {
  // The moon is lit by the sun even though its sky is black.
  if (light === 'day' || airless.includes(place)) return colour
  return light === 'night' ? blend(colour, [16, 20, 60], 0.55) : blend(colour, [180, 90, 90], 0.25)
}
