import { join } from 'node:path'
import { loadKoffi, oracleLibraries } from './llama-cpp.ts'

/** llama.cpp's own GGUF reader and writer. */
export interface LlamaGguf {
  /** Reads `input` and writes its header anew to `output`; false where it refuses to read. */
  rewriteHeader(input: string, output: string): boolean
}

/** @throws Error when {@link oracleLibraries} reports none. */
export function openLlamaGguf(): LlamaGguf {
  const libraries = oracleLibraries()
  if ('missing' in libraries) throw new Error(libraries.missing)
  const koffi = loadKoffi()
  const base = koffi.load(join(libraries.folder, 'libggml-base.so'))
  const logger = koffi.proto('void GgufLog(int level, const char *text, void *data)')
  base.func('void ggml_log_set(GgufLog *callback, void *data)')(
    koffi.register(() => {}, koffi.pointer(logger)),
    null,
  )
  const options = koffi.struct({ noAlloc: 'bool', context: 'void *' })
  const read = base.func('gguf_init_from_file', 'void *', ['str', options])
  const write = base.func('bool gguf_write_to_file(void *gguf, const char *path, bool onlyHeader)')
  const free = base.func('void gguf_free(void *gguf)')
  return {
    rewriteHeader(input, output) {
      const gguf = read(input, { noAlloc: true, context: null })
      if (gguf === null) return false
      const written = write(gguf, output, true)
      free(gguf)
      if (!written) throw new Error(`llama.cpp could not write ${output}`)
      return true
    },
  }
}
