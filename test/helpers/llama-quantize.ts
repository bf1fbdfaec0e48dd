import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gguf } from '@huggingface/gguf'
import { type GgmlType, ggmlTypeById } from '#dist/formats/ggml/block-types.js'
import { writeHollowGguf } from './hollow-gguf.js'
import { loadKoffi, oracleLibraries } from './llama-cpp.js'
import type { TinyModel } from './tiny-models.js'

/** Quantizes the file at `input` with llama.cpp; false where it refuses. */
export type QuantizeFile = (input: string, output: string, fileType: number) => boolean

/** llama.cpp's `llama_model_quantize`, silenced. @throws Error where the libraries are missing. */
export function openQuantizer(): QuantizeFile {
  const libraries = oracleLibraries()
  if ('missing' in libraries) throw new Error(libraries.missing)
  const koffi = loadKoffi()
  const llama = koffi.load(join(libraries.folder, 'libllama.v0.5.0.so'))
  const logger = koffi.proto('void QuantizeLog(int level, const char *text, void *data)')
  llama.func('void llama_log_set(QuantizeLog *callback, void *data)')(
    koffi.register(() => {}, koffi.pointer(logger)),
    null,
  )
  // Its options begin with threads, file type and two types to force; then come flags and pointers. Source: llama.h.
  const options = koffi.struct({
    threads: 'int32_t',
    fileType: 'int32_t',
    outputType: 'int32_t',
    embeddingType: 'int32_t',
    rest: koffi.array('uint8_t', 40),
  })
  const defaults = llama.func('llama_model_quantize_default_params', options, [])
  const quantize = llama.func('llama_model_quantize', 'uint32_t', ['str', 'str', koffi.pointer(options)])
  return (input, output, fileType) => quantize(input, output, { ...defaults(), threads: 1, fileType }) === 0
}

/** The type llama.cpp gives each tensor of an all-zero model, in the order asked; `undefined` where it refuses. */
export async function typesByLlamaCpp(
  quantize: QuantizeFile,
  { model, tensors }: TinyModel,
  fileType: number,
): Promise<(GgmlType | undefined)[] | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'mibera-types-'))
  try {
    const [input, output] = [join(folder, 'f32.gguf'), join(folder, 'quantized.gguf')]
    await writeHollowGguf(input, model, tensors)
    if (!quantize(input, output, fileType)) return undefined
    const { tensorInfos } = await gguf(output, { allowLocalFile: true })
    const types = new Map(tensorInfos.map(({ name, dtype }) => [name, ggmlTypeById(dtype)]))
    return tensors.map(({ name }) => types.get(name))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
