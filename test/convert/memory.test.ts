import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { smallShape, writeSmallModel } from '../helpers/small-model.ts'
import { temporaryFolder } from '../helpers/temporary-folder.ts'

const gnuTime = '/usr/bin/time'
const title = existsSync(gnuTime) ? 'the command line' : `the command line (skipped: no GNU time at ${gnuTime})`

describe.skipIf(!existsSync(gnuTime))(title, () => {
  test('converts a tensor of 400 MB within 300 MB of memory, its GGUF or two types of it within the 180 MB given, and leaves less than 5 MB beside', async () => {
    const folder = await temporaryFolder()
    const model = join(folder, 'model')
    // Tied embeddings: one large tensor, which is most of the model.
    await writeSmallModel(model, { tiedEmbeddings: true, lyingConfig: false }, { ...smallShape, vocabulary: 200_000 })
    const state = join(folder, 'state')
    const peak = await peakOf(
      ['convert', model, '--type', 'Q3_K_M', '--out', join(folder, 'out.gguf'), '--pre', 'dbrx'],
      state,
    )
    expect(peak).toBeGreaterThan(30e6)
    expect(peak).toBeLessThan(300e6)

    const stateFiles = (await readdir(state)).map((name) => join(state, name))
    const beside = await Promise.all(
      [...stateFiles, join(folder, 'out.gguf.report.json')].map(async (path) => (await stat(path)).size),
    )
    expect(beside.reduce((sum, size) => sum + size, 0)).toBeLessThan(5e6)
    expect((await readdir(folder)).toSorted()).toEqual(['model', 'out.gguf', 'out.gguf.report.json', 'state'])

    const pair = ['convert', model, '--type', 'Q3_K_M,Q2_K', '--out', folder, '--pre', 'dbrx', '--max-memory', '180M']
    expect(await peakOf(pair, state)).toBeLessThan(180 * 2 ** 20)

    const again = ['convert', join(folder, 'out.gguf'), '--allow-requantize', '--type', 'Q4_0', '--max-memory', '180M']
    expect(await peakOf([...again, '--out', join(folder, 'again.gguf')], state)).toBeLessThan(180 * 2 ** 20)
  })
})

/** Highest resident memory (bytes) of a run of the program with two threads. */
async function peakOf(words: readonly string[], stateDirectory: string): Promise<number> {
  const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
  const command = [process.execPath, main, ...words, '--threads', '2', '--state-dir', stateDirectory]
  const { stderr } = await promisify(execFile)(gnuTime, ['-v', ...command])
  return Number(/Maximum resident set size \(kbytes\): (\d+)/.exec(stderr)?.[1]) * 1024
}
