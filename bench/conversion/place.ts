import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeCl100kTokenizer } from '../../fixtures/cl100k-tokenizer.ts'
import { writeModelFolder } from '../../fixtures/model-folder.ts'
import { countWeights, type ModelShape, modelTensors } from '../../fixtures/model-shapes.ts'
import { mibera } from './program.ts'
import { startQuietly } from './quiet-start.ts'

export type SourceType = 'F32' | 'F16' | 'BF16'

/** A Phi-4 of a tenth of its width: 231 million weights, 0.9 GB as F32. Small enough for many runs. */
export const narrowShape: ModelShape = {
  layers: 3,
  hidden: 2048,
  feedForward: 7168,
  heads: 16,
  kvHeads: 4,
  headSize: 128,
  vocabulary: 16544,
}

export function weightsOf(shape: ModelShape): number {
  return countWeights(modelTensors(shape, 'fused', false))
}

/** Runs `bench` in the folder that was named, which is kept with the models made in it, or in one of its own. */
export async function inPlace(folder: string | undefined, bench: (place: Place) => Promise<void>): Promise<void> {
  const place = folder ?? (await mkdtemp(join(tmpdir(), 'mibera-bench-')))
  try {
    await bench(new Place(place))
  } finally {
    if (folder === undefined) await rm(place, { recursive: true, force: true })
  }
}

/** Where a bench has its models and outputs. */
export class Place {
  readonly folder: string
  readonly state: string

  constructor(folder: string) {
    this.folder = folder
    this.state = join(folder, 'state')
  }

  path(name: string): string {
    return join(this.folder, name)
  }

  /** A model folder of this shape in two shards, made once. */
  async model(shape: ModelShape, dtype: SourceType = 'F32'): Promise<string> {
    const path = this.path(`model-${weightsOf(shape)}-${dtype}`)
    // The tokenizer is written last.
    if (await exists(join(path, 'tokenizer.json'))) return path
    console.log(`preparing ${path} …`)
    await writeModelFolder(path, shape, {
      dtype,
      shards: 2,
      extras: (folder) => writeCl100kTokenizer(folder, { tokens: 16_000 }),
    })
    return path
  }

  /** The GGUF of a model with its weights as they are, which llama.cpp starts from; made once. */
  async unquantized(model: string, dtype: SourceType): Promise<string> {
    const path = `${model}.gguf`
    if (!(await exists(path))) await this.convert(model, ['--type', dtype, '--out', path])
    return path
  }

  /**
   * Runs `mibera convert` from scratch, after a quiet start.
   * @param answers to what the models made here leave open: nobody knows the hash of a cut vocabulary.
   */
  async convert(model: string, words: readonly string[], answers: readonly string[] = ['--pre', 'dbrx']) {
    await rm(this.state, { recursive: true, force: true })
    await startQuietly(model)
    return mibera(['convert', model, ...words, ...answers, '--force', '--state-dir', this.state])
  }
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined
}
