import { readdir, writeFile } from 'node:fs/promises'
import { writeCl100kTokenizer } from '../../fixtures/cl100k-tokenizer.ts'
import { writeModelFolder } from '../../fixtures/model-folder.ts'
import type { ModelShape } from '../../fixtures/model-shapes.ts'
import { planFolder } from '../../test/helpers/convert-folder.ts'
import { ggufImatrix, measuredTensors } from '../../test/helpers/imatrix-files.ts'
import { randomEntries } from '../../test/helpers/random-imatrix.ts'
import type { Place, SourceType } from '../conversion/place.ts'
import type { ModelName } from './cases.ts'

/** Rows as long as those of the largest models, every tensor longer than a slice, and all tokens of Phi-4; 38 M weights. */
const shape: ModelShape = {
  layers: 1,
  hidden: 256,
  feedForward: 16384,
  heads: 2,
  kvHeads: 1,
  headSize: 128,
  vocabulary: 100352,
}

/** What memory is measured on, made when it is first asked for. */
export class MemoryModels {
  readonly #place: Place
  readonly #made = new Map<ModelName, Promise<string>>()

  constructor(place: Place) {
    this.#place = place
  }

  /** Path of a folder or of a GGUF, of several files the first. */
  path(name: ModelName): Promise<string> {
    const made = this.#made.get(name) ?? this.#make(name)
    this.#made.set(name, made)
    return made
  }

  /** Path of importances for all matrices but the embedding. */
  async imatrix(): Promise<string> {
    const path = this.#place.path('imatrix.gguf')
    const { tensors } = await planFolder(await this.path('F32'), 'F32')
    await writeFile(path, ggufImatrix(measuredTensors(randomEntries(tensors, 3))))
    return path
  }

  async #make(name: ModelName): Promise<string> {
    const [type = '', form] = name.split(/[. ]/)
    if (form === undefined) return this.#folder(type as SourceType)
    const out = this.#place.path(form === 'gguf' ? `source-${type}.gguf` : 'source.gguf')
    const source = await this.path('F32')
    const words = ['--type', type, '--out', out]
    if (form === 'gguf') {
      await this.#place.convert(source, words, [])
      return out
    }
    await this.#place.convert(source, [...words, '--split-max-size', '20M'], [])
    const names = await readdir(this.#place.folder)
    return this.#place.path(names.find((found) => found.startsWith('source-00001-of-')) ?? out)
  }

  async #folder(dtype: SourceType): Promise<string> {
    const path = this.#place.path(`model-${dtype}`)
    const extras = (folder: string) => writeCl100kTokenizer(folder)
    await writeModelFolder(path, shape, { dtype, shards: 2, tiedEmbeddings: true, extras })
    return path
  }
}
