const alphabet = /^[A-Za-z0-9+/_-]*={0,2}$/

/**
 * Decodes base64 in any flavour (standard or URL-safe, padded or not). Node alone skips what it does not understand,
 * so the alphabet, the length and the unused last bits are checked first.
 * @returns undefined when the text is not base64
 */
export function decodeAnyBase64(text: string): Buffer | undefined {
  if (!alphabet.test(text)) return undefined
  const bare = text.replace(/=+$/, '')
  const padding = text.length - bare.length
  if (bare.length % 4 === 1 || (padding > 0 && text.length % 4 !== 0)) return undefined
  const bytes = Buffer.from(bare, 'base64url')
  const canonical = bytes.toString('base64url')
  return canonical === bare.replaceAll('+', '-').replaceAll('/', '_') ? bytes : undefined
}
