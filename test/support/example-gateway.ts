import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type GatewayOptions, openGateway, type TestGateway } from './gateway.ts'

const root = join(import.meta.dirname, '../..')

/** The shipped `gateway.yaml.example`, for sale on free ports, its services all at the upstream of a test. */
export function openExampleGateway(
  upstreamUrl: string,
  options: Omit<GatewayOptions, 'config' | 'baseDir'> = {},
): Promise<TestGateway> {
  return openGateway({ ...options, config: exampleConfig(upstreamUrl), baseDir: root })
}

/** The example without what a test gateway sets itself. */
function exampleConfig(upstreamUrl: string): string {
  const replacements: readonly (readonly [RegExp, string])[] = [
    [/^listen: .*$/m, ''],
    [/^admin: .*$/m, ''],
    [/^data: .*$/m, ''],
    [/"http:\/\/127\.0\.0\.1:9000"/, JSON.stringify(upstreamUrl)],
  ]
  return replacements.reduce(
    (text, [pattern, replacement]) => {
      if (text.split(pattern).length !== 2) throw new Error(`gateway.yaml.example has not one place like ${pattern}`)
      return text.replace(pattern, replacement)
    },
    readFileSync(join(root, 'gateway.yaml.example'), 'utf8'),
  )
}
