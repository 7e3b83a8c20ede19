import { posix } from 'node:path'

/** Which path a router sees in a request target; they differ, and a gateway must not be fooled by any. */
type Router = (target: string) => string

const cut = (target: string): string => target.split(/[?#]/, 1)[0] ?? ''
function decode(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}

export const routers: Readonly<Record<string, Router>> = {
  'byte for byte': cut,
  'the URL of browsers': (target) => new URL(target, 'http://upstream').pathname,
  'a decoder': (target) => decode(cut(target)),
  'a decoder after the URL of browsers': (target) => decode(new URL(target, 'http://upstream').pathname),
  'a decoder that decodes twice': (target) => decode(decode(cut(target))),
  'Express: any case, with or without a slash': (target) => decode(cut(target)).toLowerCase().replace(/\/$/, ''),
  'a decoder that resolves dots': (target) => posix.normalize(decode(cut(target))),
  'one that cuts matrix parameters': (target) => posix.normalize(decode(cut(target).replace(/;[^/]*/g, ''))),
  'one for Windows': (target) =>
    posix.normalize(decode(cut(target)).replaceAll('\\', '/').toLowerCase()).replace(/[. ]+$/, ''),
  'one that normalises Unicode': (target) => posix.normalize(decode(cut(target)).normalize('NFKC')).toLowerCase(),
  'one that ends a text at a null': (target) => decode(cut(target)).split('\0', 1)[0] ?? '',
}

const sold: readonly { readonly name: string; readonly path: RegExp }[] = [
  { name: 'make', path: /^\/v1\/make$/ },
  { name: 'cheap', path: /^\/v1\/cheap$/ },
  { name: 'img', path: /^\/v1\/img\/[^/]+$/ },
  { name: 'run', path: /^\/v1\/models\/[^/]+\/run$/ },
  { name: 'models', path: /^\/v1\/models@make\(it\)$/ },
]

/** Every priced handler that some router leads the target to, and which router that is. */
export function handlersReached(target: string): { readonly handler: string; readonly router: string }[] {
  return Object.entries(routers).flatMap(([router, route]) => {
    const path = route(target)
    return sold.filter((each) => each.path.test(path)).map(({ name }) => ({ handler: name, router }))
  })
}
