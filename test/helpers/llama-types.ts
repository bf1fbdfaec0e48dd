import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gguf } from '@huggingface/gguf'
import { type GgmlType, ggmlTypeById } from '#dist/formats/ggml/block-types.js'
import { writeHollowGguf } from './hollow-gguf.ts'
import type { LlamaLibrary } from './llama-library.ts'
import type { TinyModel } from './tiny-models.ts'

/** The type llama.cpp gives each tensor of an all-zero model, in the order asked; `undefined` where it refuses. */
export async function typesByLlamaCpp(
  llama: LlamaLibrary,
  { model, tensors }: TinyModel,
  fileType: number,
): Promise<(GgmlType | undefined)[] | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'mibera-types-'))
  try {
    const [input, output] = [join(folder, 'f32.gguf'), join(folder, 'quantized.gguf')]
    await writeHollowGguf(input, model, tensors)
    if (llama.quantize(input, output, { ftype: fileType, nthread: 1 }) !== 0) return undefined
    const { tensorInfos } = await gguf(output, { allowLocalFile: true })
    const types = new Map(tensorInfos.map(({ name, dtype }) => [name, ggmlTypeById(dtype)]))
    return tensors.map(({ name }) => types.get(name))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
