import { cp, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { convertFolder } from '../helpers/convert-folder.ts'
import { oracleLibraries } from '../helpers/llama-cpp.ts'
import { loadModel, quantizeModel } from '../helpers/llama-runtime.ts'
import { smallShape, writeSmallModel } from '../helpers/small-model.ts'
import { splitFused } from '../helpers/split-fused.ts'
import { temporaryFolder } from '../helpers/temporary-folder.ts'

const libraries = oracleLibraries()
const title =
  'missing' in libraries ? `our files in llama.cpp (skipped: ${libraries.missing})` : 'our files in llama.cpp'
const prompt = 'The capital of France is'

describe.skipIf('missing' in libraries)(title, () => {
  test.each(['Q3_K_M', 'Q2_K', 'Q4_K_M', 'Q6_K'] as const)(
    '%s generates the same greedy tokens as the file that llama.cpp quantized',
    async (recipe) => {
      const folder = await temporaryFolder()
      const file = (name: string) => join(folder, name)
      await writeSmallModel(folder)
      await convertFolder(folder, 'F32', file('f32.gguf'))
      await convertFolder(folder, recipe, file('ours.gguf'))
      await quantizeModel(file('f32.gguf'), file('theirs.gguf'), { ftype: recipe })
      const tokens = await generate(file('ours.gguf'))
      expect(tokens).toHaveLength(24)
      expect(new Set(tokens).size).toBeGreaterThan(1)
      expect(tokens).toEqual(await generate(file('theirs.gguf')))
    },
  )

  test('the same weights, fused (phi3) and split (llama, q and k permuted), generate the same tokens', async () => {
    const folder = await temporaryFolder()
    const [fused, split] = [join(folder, 'fused'), join(folder, 'split')]
    await writeSmallModel(fused)
    await mkdir(split)
    for (const name of ['README.md', 'tokenizer.json', 'tokenizer_config.json', 'special_tokens_map.json']) {
      await cp(join(fused, name), join(split, name))
    }
    await splitFused(fused, split, smallShape)
    const files = [join(folder, 'fused.gguf'), join(folder, 'split.gguf')] as const
    await convertFolder(fused, 'F32', files[0])
    await convertFolder(split, 'F32', files[1])
    expect(await generate(files[1])).toEqual(await generate(files[0]))
  })
})

async function generate(path: string): Promise<number[]> {
  const model = await loadModel(path)
  try {
    return await model.generateGreedy(await model.tokenize(prompt), 24)
  } finally {
    model.free()
  }
}
