import { randomUUID } from 'node:crypto'
import { picture } from './stand-ins.ts'
import type { Answer } from './upstream.ts'

/** A node of a workflow; an input may be the output of another one, by name and number. */
interface Node {
  readonly class_type: string
  readonly inputs: Readonly<Record<string, unknown>>
}

const inputsOf: Readonly<Record<string, readonly string[]>> = {
  KSampler: [
    'seed',
    'steps',
    'cfg',
    'sampler_name',
    'scheduler',
    'denoise',
    'model',
    'positive',
    'negative',
    'latent_image',
  ],
  CheckpointLoaderSimple: ['ckpt_name'],
  EmptyLatentImage: ['width', 'height', 'batch_size'],
  CLIPTextEncode: ['text', 'clip'],
  VAEDecode: ['samples', 'vae'],
  SaveImage: ['filename_prefix', 'images'],
}

export interface ComfyUi {
  readonly answer: Answer
  /** The workflows it has taken, by id. */
  readonly queue: Map<string, Readonly<Record<string, Node>>>
  /** What becomes of those that are taken from now on. */
  outcome: 'success' | 'error' | 'forgotten'
}

/** As much of ComfyUI as a client of its queue sees: checks the nodes, works for two questions, saves a picture. */
export function makeComfyUi(): ComfyUi {
  const queue: ComfyUi['queue'] = new Map()
  const asked = new Map<string, number>()
  const comfy: ComfyUi = {
    queue,
    outcome: 'success',
    answer(call, outgoing) {
      const reply = (status: number, value: unknown) => {
        outgoing.writeHead(status, { 'content-type': 'application/json; charset=utf-8' })
        outgoing.end(JSON.stringify(value))
      }
      const url = new URL(call.url, 'http://comfy')
      if (call.method === 'POST' && url.pathname === '/prompt') {
        const { prompt } = JSON.parse(call.body.toString()) as { prompt: Record<string, Node> }
        const wrong = Object.entries(prompt).filter(([, node]) => !isWhole(node, prompt))
        if (wrong.length > 0)
          return reply(400, {
            error: { type: 'prompt_outputs_failed_validation' },
            node_errors: Object.fromEntries(wrong),
          })
        const id = randomUUID()
        queue.set(id, prompt)
        return reply(200, { prompt_id: id, number: queue.size, node_errors: {} })
      }
      const id = /^\/history\/([0-9a-f-]{36})$/.exec(url.pathname)?.[1]
      if (id !== undefined) {
        const times = (asked.get(id) ?? 0) + 1
        asked.set(id, times)
        const over = queue.has(id) && times > 2 && comfy.outcome !== 'forgotten'
        return reply(200, over ? { [id]: history(comfy.outcome, id) } : {})
      }
      const name = url.searchParams.get('filename')
      const file =
        url.pathname === '/view' &&
        url.searchParams.get('type') === 'output' &&
        url.searchParams.get('subfolder') === ''
      if (!file || !queue.has(String(name?.slice('turnpike_'.length, -4)))) return reply(404, {})
      outgoing.writeHead(200, { 'content-type': 'image/png' })
      return void outgoing.end(picture)
    },
  }
  return comfy
}

const history = (outcome: string, id: string) => ({
  prompt: [1, id, {}, {}, ['9']],
  outputs:
    outcome === 'success' ? { 9: { images: [{ filename: `turnpike_${id}.png`, subfolder: '', type: 'output' }] } } : {},
  status: { status_str: outcome, completed: outcome === 'success', messages: [] },
})

function isWhole({ class_type: type, inputs }: Node, prompt: Readonly<Record<string, Node>>): boolean {
  const wanted = inputsOf[type]
  const joined = Object.values(inputs).every((input) => !Array.isArray(input) || prompt[String(input[0])] !== undefined)
  return wanted !== undefined && wanted.toSorted().join() === Object.keys(inputs).toSorted().join() && joined
}
