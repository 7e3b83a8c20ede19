/**
 * The curl commands of the five endpoints' own documents, to the byte: without a payment, and with one. The requests of
 * all tests here are made from their bodies.
 */
export interface SeedCommands {
  readonly path: string
  readonly ask: string
  readonly redeem: string
}

export const documentedOrigin = 'https://sats4ai.com'

export const seedCommands = {
  'voice-clone': {
    path: '/api/l402/voice-clone',
    ask: String.raw`curl -X POST https://sats4ai.com/api/l402/voice-clone \
-H "Content-Type: application/json" \
-d '{"voice_file":"https://example.com/my-voice-sample.mp3","model":"speech-02-turbo","accuracy":0.7}' \
-i`,
    redeem: String.raw`curl -X POST https://sats4ai.com/api/l402/voice-clone \
-H "Content-Type: application/json" \
-H "Authorization: L402 <YOUR_MACAROON>:<YOUR_PREIMAGE>" \
-d '{"voice_file":"https://example.com/my-voice-sample.mp3","model":"speech-02-turbo","accuracy":0.7}'`,
  },
  'generate-music': {
    path: '/api/l402/generate-music',
    ask: String.raw`curl -X POST https://sats4ai.com/api/l402/generate-music \
-H "Content-Type: application/json" \
-d '{"prompt":"E minor, 90 BPM, acoustic guitar ballad, male vocal, emotional","lyrics":"[Verse]\nWalking through the rain tonight\nEvery drop a memory falling down\n\n[Chorus]\nBut I still remember you\nIn every song that plays","is_instrumental":false,"lyrics_optimizer":false,"sample_rate":44100,"bitrate":256000,"audio_format":"mp3"}' \
-i`,
    redeem: String.raw`curl -X POST https://sats4ai.com/api/l402/generate-music \
-H "Content-Type: application/json" \
-H "Authorization: L402 <YOUR_MACAROON_STRING_HERE>:<YOUR_PREIMAGE_HERE>" \
-d '{"prompt":"E minor, 90 BPM, acoustic guitar ballad, male vocal, emotional","lyrics":"[Verse]\nWalking through the rain tonight\nEvery drop a memory falling down\n\n[Chorus]\nBut I still remember you\nIn every song that plays","is_instrumental":false,"lyrics_optimizer":false,"sample_rate":44100,"bitrate":256000,"audio_format":"mp3"}'`,
  },
  music: {
    path: '/api/l402/music',
    ask: String.raw`curl -X POST https://sats4ai.com/api/l402/music \
-H "Content-Type: application/json" \
-d '{"prompt":"upbeat pop song about summer vibes","lyrics":"Walking on the beach, sun is shining bright, every day feels right","model":"Music Generation","sample_rate":44100,"bitrate":256000,"audio_format":"mp3"}' \
-i`,
    redeem: String.raw`curl -X POST https://sats4ai.com/api/l402/music \
-H "Content-Type: application/json" \
-H "Authorization: L402 <YOUR_MACAROON_STRING_HERE>:<YOUR_PREIMAGE_HERE>" \
-d '{"prompt":"upbeat pop song about summer vibes","lyrics":"Walking on the beach, sun is shining bright, every day feels right","model":"Music Generation","sample_rate":44100,"bitrate":256000,"audio_format":"mp3"}'`,
  },
  'generate-text': {
    path: '/api/l402/generate-text',
    ask: String.raw`curl -X POST https://sats4ai.com/api/l402/generate-text \
-H "Content-Type: application/json" \
-d '{"input":[{"role":"User","content":"Tell me a story of a bird"},{"role":"Assistant","content":"Once upon a time, there was a little bird who loved to sing..."},{"role":"User","content":"What happened next?"}]}' \
-i`,
    redeem: String.raw`curl -X POST https://sats4ai.com/api/l402/generate-text \
-H "Content-Type: application/json" \
-H "Authorization: L402 <YOUR_MACAROON_STRING_HERE>:<YOUR_PREIMAGE_HERE>" \
-d '{"input":[{"role":"User","content":"Tell me a story of a bird"},{"role":"Assistant","content":"Once upon a time, there was a little bird who loved to sing..."},{"role":"User","content":"What happened next?"}]}'`,
  },
  'generate-video': {
    path: '/api/l402/generate-video',
    ask: String.raw`curl -X POST https://sats4ai.com/api/l402/generate-video \
-H "Content-Type: application/json" \
-d '{"prompt":"A cat walking on the surface of the moon","duration":5,"mode":"pro","generate_audio":false}' \
-i`,
    redeem: String.raw`curl -X POST https://sats4ai.com/api/l402/generate-video \
-H "Content-Type: application/json" \
-H "Authorization: L402 <YOUR_MACAROON_STRING_HERE>:<YOUR_PREIMAGE_HERE>" \
-d '{"prompt":"A cat walking on the surface of the moon","duration":5,"mode":"pro","generate_audio":false}'`,
  },
} satisfies Record<string, SeedCommands>

export type Endpoint = keyof typeof seedCommands

export const endpoints = Object.keys(seedCommands) as readonly Endpoint[]

/** The JSON that a command sends. */
export function seedJson(endpoint: Endpoint): string {
  return /-d '([^']*)'/.exec(seedCommands[endpoint].ask)?.[1] ?? ''
}

export const seedBody = (endpoint: Endpoint) => JSON.parse(seedJson(endpoint)) as Record<string, unknown>
