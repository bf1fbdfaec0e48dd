import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gguf } from '@huggingface/gguf'
import { type GgmlType, ggmlTypeById, ggmlTypeNames } from '#dist/formats/ggml/block-types.js'
import { writeHollowGguf } from './hollow-gguf.ts'
import { type LlamaLibrary, openLlama } from './llama-library.ts'
import type { QuantizeLists } from './quantize-lists.ts'
import type { TinyModel } from './tiny-models.ts'

/** What is asked of `llama_model_quantize` beside the file type; types are ggml's numbers. */
export interface TypeWishes extends QuantizeLists {
  readonly outputType?: number
  readonly embeddingType?: number
  readonly leaveOutput?: boolean
  readonly pure?: boolean
}

/** GGML_TYPE_COUNT of the library: no type asked for. */
const noType = 43

/** Asks llama.cpp itself which types it chooses. */
export class LlamaTypes {
  readonly #llama: LlamaLibrary
  #log = ''

  constructor() {
    this.#llama = openLlama((text) => {
      this.#log += text
    })
  }

  /** What llama.cpp said to the last question. */
  get log(): string {
    return this.#log
  }

  /** The type of each tensor of an all-zero model, in the order asked; `undefined` where it refuses. */
  async quantized(model: TinyModel, fileType: number, wishes: TypeWishes = {}): Promise<Types> {
    return this.#ask(model, async (input, output) => {
      if (!this.#quantize(input, output, fileType, wishes, false)) return undefined
      const { tensorInfos } = await gguf(output, { allowLocalFile: true })
      return new Map(tensorInfos.map(({ name, dtype }) => [name, ggmlTypeById(dtype)]))
    })
  }

  /** The same by a dry run, which misses no importances. */
  async dryRun(model: TinyModel, fileType: number, wishes: TypeWishes = {}): Promise<Types> {
    return this.#ask(model, async (input, output) => {
      if (!this.#quantize(input, output, fileType, wishes, true)) return undefined
      return new Map(
        [...this.#log.matchAll(tensorLine)].map(([, name = '', from, to]) => [name, typeNamed(to ?? from)]),
      )
    })
  }

  #quantize(input: string, output: string, ftype: number, wishes: TypeWishes, dry: boolean): boolean {
    const { outputType = noType, embeddingType = noType, leaveOutput = false, pure = false, ...lists } = wishes
    const parameters = {
      ...{ ftype, nthread: 1, pure, dry_run: dry, quantize_output_tensor: !leaveOutput },
      ...{ output_tensor_type: outputType, token_embedding_type: embeddingType },
    }
    return this.#llama.quantize(input, output, parameters, lists) === 0
  }

  async #ask({ model, tensors }: TinyModel, ask: Asking): Promise<Types> {
    const folder = await mkdtemp(join(tmpdir(), 'mibera-types-'))
    try {
      const [input, output] = [join(folder, 'f32.gguf'), join(folder, 'quantized.gguf')]
      await writeHollowGguf(input, model, tensors)
      this.#log = ''
      const types = await ask(input, output)
      return types && tensors.map(({ name }) => types.get(name))
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }
}

type Types = (GgmlType | undefined)[] | undefined
type Asking = (input: string, output: string) => Promise<ReadonlyMap<string, GgmlType | undefined> | undefined>

/** "[ 1/ 9] name - [ 256, 64, 1, 1], type = f32, size = 0.063 MiB -> 0.021 MiB (q6_K)" */
const tensorLine = /\] +(\S+) +- \[[^\]]*\], type = +(\w+), size = +[\d.]+ MiB(?: -> +[\d.]+ MiB \((\w+)\))?/g

function typeNamed(text: string | undefined): GgmlType | undefined {
  return ggmlTypeNames.find((name) => name === text?.toUpperCase())
}
