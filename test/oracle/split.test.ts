import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { GGMLQuantizationType, gguf } from '@huggingface/gguf'
import { beforeAll, describe, expect, test } from 'vitest'
import { convert } from '#dist/convert/convert.js'
import { compareWithSource } from '#dist/convert/verify/compare-with-source.js'
import { filesOf } from '#dist/convert/verify/files-of.js'
import { verifyFiles } from '#dist/convert/verify/verify-file.js'
import { openModel } from '#dist/model/open-model.js'
import type { SplitRule } from '#dist/plan/split.js'
import type { RecipeName } from '#dist/quant/recipes.js'
import { convertFolder, convertOptions, planOutputs } from '../helpers/convert-folder.ts'
import { ggufDifferences } from '../helpers/gguf-differences.ts'
import { oracleLibraries } from '../helpers/llama-cpp.ts'
import { startLlama } from '../helpers/llama-process.ts'
import { quantizeModel } from '../helpers/llama-runtime.ts'
import { refusal } from '../helpers/refusal.ts'
import { smallPre, writeSmallModel } from '../helpers/small-model.ts'
import { suiteFolder } from '../helpers/suite-folder.ts'

const libraries = oracleLibraries()

describe.skipIf('missing' in libraries)('an output that is split', () => {
  const folder = suiteFolder()
  const path = (name: string) => join(folder(), name)

  beforeAll(async () => {
    await writeSmallModel(folder(), { layout: 'split', shards: 2 })
  })

  /** Converts, and gives the names of the files made. */
  async function split(model: string, type: RecipeName, name: string, rule: SplitRule): Promise<string[]> {
    const plan = await planOutputs(model, [type], { split: rule })
    expect((await convert(plan, convertOptions(path(name)))).kind).toBe('published')
    const stem = name.replace('.gguf', '')
    return (await readdir(folder())).filter((file) => file.startsWith(`${stem}-`) && file.endsWith('.gguf')).sort()
  }

  test.each(['Q4_K_M', 'Q2_K'] as const)('as %s is what llama_model_quantize makes of our F32 split', async (type) => {
    const rule = { maxTensors: 10 }
    const [source = ''] = await split(folder(), 'F32', `source-${type}.gguf`, rule)
    const ours = await split(folder(), type, `ours-${type}.gguf`, rule)
    await quantizeModel(path(source), path(`theirs-${type}`), { ftype: type, keepSplit: true })
    expect(ours.length).toBeGreaterThan(2)
    for (const name of ours) {
      expect(await ggufDifferences(path(name), path(name.replace('ours', 'theirs'))), name).toEqual([])
    }
  })

  test.each<[string, SplitRule]>([
    ['by number of tensors', { maxTensors: 7 }],
    ['by size', { maxBytes: 100_000 }],
    ['with metadata alone in the first file', { maxBytes: 300_000, firstWithoutTensors: true }],
    ['into one file', { maxTensors: 1000 }],
  ])('%s is loaded by llama.cpp from its first file, and has the tensors of the whole', async (how, rule) => {
    const name = `${how.replaceAll(' ', '-')}.gguf`
    const names = await split(folder(), 'Q3_K_M', name, rule)
    await convertFolder(folder(), 'Q3_K_M', path(`whole-${name}`))
    const llama = startLlama()
    try {
      const { tokens } = await llama.call('load', path(names[0] ?? ''), false)
      expect(tokens).toBeGreaterThan(1000)
    } finally {
      llama.stop()
    }
    const whole = await gguf(path(`whole-${name}`), { allowLocalFile: true })
    const parts = await Promise.all(names.map((part) => gguf(path(part), { allowLocalFile: true })))
    expect(parts.flatMap(({ tensorInfos }) => tensorInfos.map(facts))).toEqual(whole.tensorInfos.map(facts))
    for (const [index, part] of parts.entries()) {
      const { metadata, tensorInfos } = part
      expect(metadata).toMatchObject({ 'split.no': index, 'split.count': parts.length })
      expect(metadata['split.tensors.count' as never]).toBe(whole.tensorInfos.length)
      expect('general.architecture' in metadata).toBe(index === 0)
      if (rule.maxTensors !== undefined) expect(tensorInfos.length).toBeLessThanOrEqual(rule.maxTensors)
    }
    const files = await filesOf(path(names[0] ?? ''))
    expect(files).toEqual(names.map(path))
    expect(await verifyFiles(files, () => {})).toMatchObject({ files: names.length, tensors: 30, digests: 'match' })
    const { input, description } = await openModel(folder(), { overrides: new Map(), pre: smallPre })
    expect(await compareWithSource(files, input, description, () => {})).toMatchObject({ tensors: 30, skipped: [] })
    await rm(files.at(-1) ?? '')
    expect((await refusal(filesOf(files[0]).then((left) => verifyFiles(left, () => {})))).code).toMatch(
      files.length === 1 ? 'IO' : 'SHARDS_MISSING',
    )
    expect(parts[0]?.tensorInfos.length === 0).toBe(rule.firstWithoutTensors === true)
  })
})

function facts({ name, dtype, shape }: { name: string; dtype: GGMLQuantizationType; shape: readonly bigint[] }) {
  return [name, GGMLQuantizationType[dtype], shape.join()]
}
