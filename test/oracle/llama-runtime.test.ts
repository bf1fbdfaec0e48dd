import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { tokenizerMetadata } from '#dist/model/tokenizer/metadata.js'
import { readTokenizer } from '#dist/model/tokenizer/read-tokenizer.js'
import { oracleLibraries } from '../helpers/llama-cpp.ts'
import { startLlama } from '../helpers/llama-process.ts'
import { loadModel, quantizeModel } from '../helpers/llama-runtime.ts'
import { writeRandomLlama } from '../helpers/random-gguf.ts'
import { temporaryFolder } from '../helpers/temporary-folder.ts'
import { smallTokenizerFolder } from '../helpers/tokenizer-folder.ts'

const libraries = oracleLibraries()
const title = 'missing' in libraries ? `llama.cpp's runtime (skipped: ${libraries.missing})` : "llama.cpp's runtime"

describe.skipIf('missing' in libraries)(title, () => {
  test('quantizes a model written here, and generates from both files', async () => {
    const folder = await temporaryFolder()
    const tokenizer = await readTokenizer(await smallTokenizerFolder())
    const plain = join(folder, 'f32.gguf')
    const quantized = join(folder, 'q8_0.gguf')
    const vocabulary = tokenizerMetadata(tokenizer, { embeddingRows: 400, pre: 'dbrx' })
    await writeRandomLlama(plain, { vocabulary, tokens: 400 })

    const { seconds, log } = await quantizeModel(plain, quantized, { ftype: 'Q8_0', threads: 1 })
    expect(seconds).toBeGreaterThan(0)
    expect(log).toMatch(/quant size/)
    expect((await stat(quantized)).size).toBeLessThan(0.4 * (await stat(plain)).size)

    const runs: number[][] = []
    for (const path of [plain, quantized]) {
      const model = await loadModel(path)
      const prompt = await model.tokenize('Hello, llama!')
      const first = await model.generateGreedy(prompt, 12)
      expect(await model.generateGreedy(prompt, 12)).toEqual(first)
      model.free()
      runs.push(first)
    }
    for (const ids of runs) {
      expect(ids).toHaveLength(12)
      for (const id of ids) expect(id).toBeLessThan(400)
    }
    // Eight bits are close to F32: the very first token must agree.
    expect(runs[0]?.[0]).toBe(runs[1]?.[0])
  })

  test('makes a dry run that writes nothing', async () => {
    const folder = await temporaryFolder()
    const tokenizer = await readTokenizer(await smallTokenizerFolder())
    const plain = join(folder, 'f32.gguf')
    const vocabulary = tokenizerMetadata(tokenizer, { embeddingRows: 400, pre: 'dbrx' })
    await writeRandomLlama(plain, { vocabulary, tokens: 400 })
    const { log } = await quantizeModel(plain, join(folder, 'none.gguf'), { ftype: 'Q3_K_M', dryRun: true })
    expect(log).toMatch(/q3_K/)
    await expect(stat(join(folder, 'none.gguf'))).rejects.toMatchObject({ code: 'ENOENT' })
  })

  test('says why llama.cpp refuses a file, and survives its end', async () => {
    const folder = await temporaryFolder()
    await expect(loadModel(join(folder, 'none.gguf'))).rejects.toThrow(/failed to open/)
    const llama = startLlama()
    const call = llama.call('tokenize', ['no model loaded'], false, false)
    await expect(call).rejects.toThrow(/process ended/)
  })
})
