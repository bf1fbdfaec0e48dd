import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { openLocalFile } from '#dist/disk/local-file.js'
import { readGguf } from '#dist/formats/gguf/reader.js'
import { string } from '#dist/formats/gguf/values.js'
import { mibera } from '../helpers/command-line.ts'
import { convertGguf, planGguf } from '../helpers/convert-gguf.ts'
import { startDaemon } from '../helpers/daemon.ts'
import { llamaMetadata, llamaTensors, writeFilledGguf } from '../helpers/filled-gguf.ts'
import { ggufImatrix, legacyImatrix, measuredTensors } from '../helpers/imatrix-files.ts'
import { fileSha256 } from '../helpers/partial-run.ts'
import { givenImatrix, randomEntries } from '../helpers/random-imatrix.ts'
import { suiteFolder } from '../helpers/suite-folder.ts'
import { temporaryFolder } from '../helpers/temporary-folder.ts'

const root = suiteFolder()
const file = (name: string) => join(root(), name)
const run = (...words: string[]) => mibera(['--state-dir', file('state'), ...words], { cwd: root() })
const weighed = ['little-f16.gguf', '--type', 'IQ2_XS', '--imatrix', 'calibration.gguf'] as const
let expected = ''

beforeAll(async () => {
  await writeFilledGguf(
    file('little-f16.gguf'),
    llamaMetadata([['general.name', string('Little Llama')]]),
    llamaTensors('F16'),
  )
  const entries = randomEntries((await planGguf(file('little-f16.gguf'), 'F16')).tensors, 5)
  await writeFile(file('calibration.gguf'), ggufImatrix(measuredTensors(entries)))
  await writeFile(file('calibration.dat'), legacyImatrix(entries))
  const narrow = entries.map((entry) => ({ ...entry, sums: entry.sums.slice(1) }))
  await writeFile(file('other.gguf'), ggufImatrix(measuredTensors(narrow)))
  const importance = await givenImatrix('calibration.gguf', entries)
  await convertGguf(file('little-f16.gguf'), 'IQ2_XS', file('expected.gguf'), { importance })
  expected = await fileSha256(file('expected.gguf'))
})

async function metadataOf(name: string): Promise<Record<string, unknown>> {
  const source = await openLocalFile(file(name))
  const { metadata } = await readGguf(source)
  await source.close()
  const own = [...metadata].filter(([key]) => key.startsWith('quantize.imatrix.'))
  return Object.fromEntries(own.map(([key, { value }]) => [key, value]))
}

describe('--imatrix', () => {
  test('makes a type that cannot be made without, which plan says too', async () => {
    const without = await run('convert', 'little-f16.gguf', '--type', 'IQ2_XS')
    expect(without).toMatchObject({ status: 3, stderr: expect.stringContaining('IMPORTANCE_MISSING') })
    expect((await run('plan', ...weighed)).status).toBe(0)
    expect((await run('convert', ...weighed, '--out', 'made.gguf')).status).toBe(0)
    expect(await fileSha256(file('made.gguf'))).toBe(expected)
  })

  test('is named as needed by a dry run, which shows the types of a run with one', async () => {
    const words = ['convert', 'little-f16.gguf', '--type', 'IQ2_XS', '--dry-run']
    const said = (await run(...words)).stderr.replaceAll(/\s+/g, ' ')
    expect(said).toContain('without an importance matrix: name one with --imatrix')
    const shown = JSON.parse((await run(...words, '--json')).stdout)
    const real = JSON.parse((await run('convert', ...weighed, '--dry-run', '--json')).stdout)
    expect([shown.needs, real.needs]).toEqual([['imatrix'], []])
    expect(shown.files[0].tensors).toEqual(real.files[0].tensors)
  })

  test('that says nothing of a type, or not of all matrices, is told', async () => {
    const dryRun = async (...words: string[]) =>
      (await run('convert', 'little-f16.gguf', '--dry-run', '--imatrix', ...words)).stderr.replaceAll(/\s+/g, ' ')
    expect(await dryRun('calibration.gguf', '--type', 'Q8_0,Q4_K_M')).toMatch(/changes nothing in Q8_0: [^:]+$/)
    expect(await dryRun('calibration.gguf', '--exclude-weights', 'attn_q')).toContain(
      'Q4_K_M: calibration.gguf has no entry for 2 of 15 matrices, such as blk.0.attn_q.weight',
    )
    expect(await dryRun('calibration.gguf')).not.toContain('no entry')
  })

  test('records the file as it was named, the dataset, and how much was measured', async () => {
    const words = ['--imatrix', './calibration.dat', '--exclude-weights', 'attn_q', '--exclude-weights', 'attn_k']
    expect((await run('convert', 'little-f16.gguf', ...words, '--out', 'legacy.gguf')).status).toBe(0)
    expect(await metadataOf('legacy.gguf')).toEqual({
      'quantize.imatrix.file': './calibration.dat',
      'quantize.imatrix.dataset': 'wiki.train.raw',
      'quantize.imatrix.entries_count': expect.any(Number),
      'quantize.imatrix.chunks_count': 7,
    })
  })

  test('verify leaves out the blocks that were chosen by one', async () => {
    const end = await run('verify', 'expected.gguf', '--source', 'little-f16.gguf')
    expect(end).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/\d+ tensors of other types were not compared/),
    })
  })

  test('in a daemon gives the same file', async () => {
    const state = await temporaryFolder()
    await startDaemon(state, ['--threads', '1'])
    const words = ['convert', ...weighed, '--out', 'daemon.gguf']
    expect((await mibera(['--state-dir', state, ...words], { cwd: root() })).status).toBe(0)
    expect(await fileSha256(file('daemon.gguf'))).toBe(expected)
  })

  test.each([
    ['a matrix of another model', ['--imatrix', 'other.gguf'], 3, 'IMATRIX_MISMATCH'],
    ['what is no matrix', ['--imatrix', 'little-f16.gguf'], 3, 'IMATRIX_MALFORMED'],
    ['a file that is not there', ['--imatrix', 'none.gguf'], 8, 'IO'],
    [
      'a name that no entry has',
      ['--imatrix', 'calibration.gguf', '--include-weights', 'nothing'],
      3,
      'IMATRIX_MISMATCH',
    ],
    ['names without a matrix', ['--include-weights', 'attn_q'], 2, 'USAGE'],
    [
      'names of both kinds',
      ['--imatrix', 'calibration.gguf', '--include-weights', 'attn_q', '--exclude-weights', 'attn_k'],
      2,
      'cannot be used with',
    ],
  ])('%s is refused', async (_, words, status, says) => {
    const end = await run('convert', 'little-f16.gguf', '--out', 'never.gguf', ...words)
    expect(end).toMatchObject({ status, stderr: expect.stringContaining(says) })
  })
})
