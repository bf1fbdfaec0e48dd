import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { formatBytes } from '#dist/base/byte-count.js'
import { writeCl100kTokenizer } from '../../fixtures/cl100k-tokenizer.ts'
import { writeModelFolder } from '../../fixtures/model-folder.ts'
import type { ModelShape } from '../../fixtures/model-shapes.ts'
import { type Demo, diskUse, names } from '../workspace.ts'

/** The width of a fifth, a tenth of the layers, and the whole vocabulary of Phi-4: 260 million weights, 1 GB as F32. */
const shape: ModelShape = {
  layers: 4,
  hidden: 1024,
  feedForward: 3584,
  heads: 8,
  kvHeads: 2,
  headSize: 128,
  vocabulary: 100352,
}

export interface BuiltModel {
  readonly shape: ModelShape
  readonly weights: number
}

export async function buildModel({ folder, say }: Demo): Promise<BuiltModel> {
  say.heading('A small Phi-4 in disguise: random weights, true tokenizer, lying config')
  const model = join(folder, names.model)
  const { weights, shards } = await writeModelFolder(model, shape, {
    lyingConfig: true,
    shards: 5,
    extras: (path) => writeCl100kTokenizer(path),
  })
  const size = formatBytes(await diskUse(model))
  say.remark(`${Math.round(weights / 1e6)} M weights as F32 in ${shards.length} shards, ${size}; config.json says:`)
  const config = JSON.parse(await readFile(join(model, 'config.json'), 'utf8')) as Record<string, unknown>
  for (const [key, value] of Object.entries(config)) say.line(`  ${JSON.stringify(key)}: ${JSON.stringify(value)}`)
  return { shape, weights }
}
