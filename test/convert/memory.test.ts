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
  test('converts a tensor of 400 MB within 300 MB of memory, and leaves less than 5 MB beside the output', async () => {
    const folder = await temporaryFolder()
    const model = join(folder, 'model')
    // Tied embeddings: one large tensor, which is most of the model.
    await writeSmallModel(model, { tiedEmbeddings: true, lyingConfig: false }, { ...smallShape, vocabulary: 200_000 })
    const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
    const words = [
      'convert',
      model,
      '--type',
      'Q3_K_M',
      '--threads',
      '2',
      '--out',
      join(folder, 'out.gguf'),
      '--pre',
      'dbrx',
    ]
    const { stderr } = await promisify(execFile)(gnuTime, [
      '-v',
      process.execPath,
      main,
      ...words,
      '--state-dir',
      join(folder, 'state'),
    ])
    const peak = Number(/Maximum resident set size \(kbytes\): (\d+)/.exec(stderr)?.[1]) * 1024
    expect(peak).toBeGreaterThan(30e6)
    expect(peak).toBeLessThan(300e6)

    const state = (await readdir(join(folder, 'state'))).map((name) => join(folder, 'state', name))
    const beside = await Promise.all(
      [...state, join(folder, 'out.gguf.report.json')].map(async (path) => (await stat(path)).size),
    )
    expect(beside.reduce((sum, size) => sum + size, 0)).toBeLessThan(5e6)
    expect((await readdir(folder)).toSorted()).toEqual(['model', 'out.gguf', 'out.gguf.report.json', 'state'])
  })
})
