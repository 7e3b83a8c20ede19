import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const root = join(import.meta.dirname, '../..')

/** A fenced block of a document. */
export interface Block {
  /** `README.md:61` */
  readonly place: string
  readonly language: string
  readonly text: string
}

/** Every fenced block of the README and of docs/, in order. */
export function blocksOf(language: string): Block[] {
  const documents = ['README.md', ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`)]
  return documents
    .filter((name) => name.endsWith('.md'))
    .flatMap((name) => {
      const content = readFileSync(join(root, name), 'utf8')
      return [...content.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map((match): Block => {
        const line = content.slice(0, match.index).split('\n').length
        return { place: `${name}:${line}`, language: match[1] ?? '', text: match[2] ?? '' }
      })
    })
    .filter((block) => block.language === language)
}
