export type Rgb = readonly [number, number, number]
export type Point = readonly [number, number]

/** Paints nothing: what lies below shows through. Always the palette's first colour. */
export const transparent = 0

/** Up to 256 colours, each known by its index. */
export class Palette {
  readonly #colours: Rgb[] = [[0, 0, 0]]

  get colours(): readonly Rgb[] {
    return this.#colours
  }

  /** The index of the colour; when there is no room for another, that of the nearest. */
  add(colour: Rgb): number {
    const known = this.#colours.findIndex(
      (other, i) => i !== transparent && other.every((part, j) => part === colour[j]),
    )
    if (known !== -1) return known
    if (this.#colours.length < 256) return this.#colours.push(colour) - 1
    const distances = this.#colours.map((other) =>
      other.reduce((sum, part, j) => sum + (part - (colour[j] ?? 0)) ** 2, 0),
    )
    distances[transparent] = Number.POSITIVE_INFINITY
    return distances.indexOf(Math.min(...distances))
  }
}

/** Between two colours: 0 is the first, 1 the second. */
export function blend(from: Rgb, to: Rgb, share: number): Rgb {
  const part = (i: 0 | 1 | 2) => Math.round(from[i] + (to[i] - from[i]) * share)
  return [part(0), part(1), part(2)]
}

const bayer = [0, 8, 2, 10, 12, 4, 14, 6, 3, 11, 1, 9, 15, 7, 13, 5]

/** How far an outline reaches beyond its shape, in pixels. */
const outlinePixels = 0.9

/** Pixels to draw on. Coordinates are those of a picture 160 wide and 90 high, whatever its size in pixels. */
export class Canvas {
  readonly width: number
  readonly height: number
  readonly palette: Palette
  readonly pixels: Uint8Array
  readonly #unit: number
  /** While an outline is drawn every shape is a little larger and has this colour. */
  #outline: number | undefined

  constructor(width: number, palette: Palette) {
    this.#unit = width / 160
    this.width = width
    this.height = Math.round(90 * this.#unit)
    this.palette = palette
    this.pixels = new Uint8Array(this.width * this.height)
  }

  /** Draws a figure twice: first grown and in one colour, then itself. */
  outlined(colour: Rgb, draw: () => void): void {
    this.#outline = this.palette.add(colour)
    draw()
    this.#outline = undefined
    draw()
  }

  ellipse(x: number, y: number, radiusX: number, radiusY: number, colour: Rgb): void {
    const grow = this.#grow()
    const [cx, cy] = [x * this.#unit, y * this.#unit]
    const [rx, ry] = [radiusX * this.#unit + grow, radiusY * this.#unit + grow]
    this.#fill([cx - rx, cy - ry], [cx + rx, cy + ry], colour, (px, py) => {
      return ((px - cx) / rx) ** 2 + ((py - cy) / ry) ** 2 <= 1
    })
  }

  /** A line with round ends. */
  limb([x1, y1]: Point, [x2, y2]: Point, thickness: number, colour: Rgb): void {
    const [ax, ay, bx, by] = [x1 * this.#unit, y1 * this.#unit, x2 * this.#unit, y2 * this.#unit]
    const radius = Math.max(0.55, (thickness * this.#unit) / 2) + this.#grow()
    const [dx, dy] = [bx - ax, by - ay]
    const lengthSquared = Math.max(1e-6, dx * dx + dy * dy)
    const low: Point = [Math.min(ax, bx) - radius, Math.min(ay, by) - radius]
    const high: Point = [Math.max(ax, bx) + radius, Math.max(ay, by) + radius]
    this.#fill(low, high, colour, (px, py) => {
      const along = Math.min(1, Math.max(0, ((px - ax) * dx + (py - ay) * dy) / lengthSquared))
      return (px - ax - along * dx) ** 2 + (py - ay - along * dy) ** 2 <= radius * radius
    })
  }

  polygon(points: readonly Point[], colour: Rgb): void {
    const corners = points.map(([x, y]): Point => [x * this.#unit, y * this.#unit])
    const [xs, ys] = [corners.map(([x]) => x), corners.map(([, y]) => y)]
    const low: Point = [Math.min(...xs), Math.min(...ys)]
    const high: Point = [Math.max(...xs), Math.max(...ys)]
    if (this.#outline === undefined) return this.#fill(low, high, colour, (px, py) => isInside(corners, px, py))
    for (const [i, point] of points.entries()) this.limb(point, points[(i + 1) % points.length] ?? point, 1, colour)
  }

  rectangle(x: number, y: number, width: number, height: number, colour: Rgb): void {
    const grow = this.#grow()
    const low: Point = [x * this.#unit - grow, y * this.#unit - grow]
    this.#fill(low, [(x + width) * this.#unit + grow, (y + height) * this.#unit + grow], colour, () => true)
  }

  /** A dithered gradient over the rows from `top` to `bottom`. */
  gradient(top: number, bottom: number, from: Rgb, to: Rgb, bands: number): void {
    const colours = Array.from({ length: bands }, (_, i) => this.palette.add(blend(from, to, i / (bands - 1))))
    const [first, last] = [
      Math.max(0, Math.round(top * this.#unit)),
      Math.min(this.height, Math.round(bottom * this.#unit)),
    ]
    for (let y = first; y < last; y++) {
      const position = ((y - first) / Math.max(1, last - first)) * (bands - 1)
      for (let x = 0; x < this.width; x++) {
        const threshold = ((bayer[(y % 4) * 4 + (x % 4)] ?? 0) + 0.5) / 16
        const band = Math.min(bands - 1, Math.floor(position + threshold))
        this.pixels[y * this.width + x] = colours[band] ?? transparent
      }
    }
  }

  #grow(): number {
    return this.#outline === undefined ? 0 : outlinePixels
  }

  #fill(low: Point, high: Point, colour: Rgb, covers: (x: number, y: number) => boolean): void {
    const index = this.#outline ?? this.palette.add(colour)
    const [left, top] = [Math.max(0, Math.floor(low[0])), Math.max(0, Math.floor(low[1]))]
    const [right, bottom] = [Math.min(this.width, Math.ceil(high[0])), Math.min(this.height, Math.ceil(high[1]))]
    for (let y = top; y < bottom; y++) {
      for (let x = left; x < right; x++) if (covers(x + 0.5, y + 0.5)) this.pixels[y * this.width + x] = index
    }
  }
}

function isInside(corners: readonly Point[], x: number, y: number): boolean {
  let inside = false
  for (const [i, [ax, ay]] of corners.entries()) {
    const [bx, by] = corners[(i + corners.length - 1) % corners.length] ?? [ax, ay]
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside
  }
  return inside
}
