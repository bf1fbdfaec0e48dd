import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'
import type { JobOptions } from '#dist/jobs/job-options.js'
import { readPlanRequest } from '#dist/jobs/read-plan-request.js'
import { openModel } from '#dist/model/open-model.js'
import { makePlan } from '#dist/plan/make-plan.js'
import { recipeList } from '#dist/quant/recipes.js'
import { writeCl100kTokenizer } from '../../fixtures/cl100k-tokenizer.ts'
import { writeModelFolder } from '../../fixtures/model-folder.ts'
import { mainScript } from '../helpers/command-line.ts'
import { planFolder } from '../helpers/convert-folder.ts'
import { ggufImatrix, measuredTensors } from '../helpers/imatrix-files.ts'
import { randomEntries } from '../helpers/random-imatrix.ts'
import { smallShape, writeSmallModel } from '../helpers/small-model.ts'
import { smallestBudget } from '../helpers/smallest-budget.ts'
import { suiteFolder } from '../helpers/suite-folder.ts'

const gnuTime = '/usr/bin/time'
const title = existsSync(gnuTime) ? 'the command line' : `the command line (skipped: no GNU time at ${gnuTime})`
const threads = 2

describe.skipIf(!existsSync(gnuTime))(title, () => {
  const root = suiteFolder()
  const file = (name: string) => join(root(), name)

  test('converts a tensor of 400 MB within 300 MB of memory, and leaves less than 5 MB beside', async () => {
    const model = file('large')
    // Tied embeddings: one large tensor, which is most of the model.
    await writeSmallModel(model, { tiedEmbeddings: true, lyingConfig: false }, { ...smallShape, vocabulary: 200_000 })
    await mkdir(file('one'))
    const output = file('one/out.gguf')
    const peak = await peakOf(['convert', model, '--type', 'Q3_K_M', '--out', output, '--pre', 'dbrx'], file('state'))
    expect(peak).toBeGreaterThan(30e6)
    expect(peak).toBeLessThan(300e6)
    const stateFiles = (await readdir(file('state'))).map((name) => join(file('state'), name))
    const beside = await Promise.all(
      [...stateFiles, `${output}.report.json`].map(async (path) => (await stat(path)).size),
    )
    expect(beside.reduce((sum, size) => sum + size, 0)).toBeLessThan(5e6)
    expect((await readdir(file('one'))).toSorted()).toEqual(['out.gguf', 'out.gguf.report.json'])
    await rm(model, { recursive: true })
  })

  describe('stays within the smallest budget for its threads, of a model with 100 k tokens', () => {
    beforeAll(async () => {
      const shape = { ...smallShape, layers: 1, hidden: 256, heads: 2, feedForward: 8192, vocabulary: 100_352 }
      const extras = (folder: string) => writeCl100kTokenizer(folder)
      await writeModelFolder(file('model'), shape, { dtype: 'BF16', tiedEmbeddings: true, extras })
      const { tensors } = await planFolder(file('model'), 'F32')
      await writeFile(file('imatrix.gguf'), ggufImatrix(measuredTensors(randomEntries(tensors, 3))))
      const make = (...words: string[]) => peakOf(['convert', file('model'), ...words], file('state'))
      await make('--type', 'Q8_0', '--out', file('q8.gguf'))
      await make('--type', 'F16', '--out', file('f16.gguf'), '--split-max-tensors', '5')
      const names = await readdir(root())
      expect(names).toContain('f16-00001-of-00002.gguf')
    })

    const guided = { words: () => ['--imatrix', file('imatrix.gguf')], importance: true }
    const split = { words: () => ['--split-max-tensors', '1'], options: { split: { maxTensors: 1 } } }
    const again = { words: () => ['--allow-requantize'], options: { allowRequantize: true } }

    interface Wish {
      readonly words?: () => string[]
      readonly options?: JobOptions
      readonly importance?: boolean
    }
    test.each<[from: string, to: string, wish: Wish]>([
      ['model', 'Q4_K_M', {}],
      ['model', 'IQ2_XS', guided],
      ['model', 'Q8_0,BF16', {}],
      ['model', 'IQ2_XS,IQ3_M', guided],
      ['model', 'Q3_K_M,Q2_K', split],
      ['f16-00001-of-00002.gguf', 'Q3_K_M', {}],
      ['q8.gguf', 'Q4_K_M', again],
    ])('%s to %s %j', async (from, to, { words = () => [], options = {}, importance = false }) => {
      const wishes = importance ? { ...options, importance: { file: file('imatrix.gguf') } } : options
      const { input, description } = await openModel(file(from), { overrides: new Map() })
      const plan = makePlan(input, description, await readPlanRequest(recipeList(to) ?? [], 'latest', wishes))
      const budget = smallestBudget(plan, threads)
      await mkdir(file('out'), { recursive: true })
      const limits = ['--out', file('out'), '--force', '--max-memory', `${budget / 2 ** 20}M`]
      const peak = await peakOf(['convert', file(from), '--type', to, ...words(), ...limits], file('state'))
      expect(peak).toBeGreaterThan(100e6)
      expect(peak).toBeLessThanOrEqual(budget)
    })
  })
})

/** Highest resident memory (bytes) of a run of the program. */
async function peakOf(words: readonly string[], stateDirectory: string): Promise<number> {
  const command = [process.execPath, mainScript, ...words, '--threads', String(threads), '--state-dir', stateDirectory]
  const { stderr } = await promisify(execFile)(gnuTime, ['-v', ...command])
  return Number(/Maximum resident set size \(kbytes\): (\d+)/.exec(stderr)?.[1]) * 1024
}
