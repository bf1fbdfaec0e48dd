import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Report, ReportTensor } from '#dist/convert/report.js'
import type { GgmlType } from '#dist/formats/ggml/block-types.js'
import { planFolder } from '../helpers/convert-folder.ts'
import { type GgmlOracle, openGgml, oracleLibraries } from '../helpers/llama-cpp.ts'
import { runPart, runToEnd } from '../helpers/partial-run.ts'
import { findTensor } from '../helpers/shard-surgery.ts'
import { smallShape, writeSmallModel } from '../helpers/small-model.ts'
import { suiteFolder } from '../helpers/suite-folder.ts'

/** Rows of 512 weights in a slice of 2^20, and of how many rows one is measured. */
const sliceRows = 2 ** 20 / smallShape.hidden
const measuredEvery = 16

const root = suiteFolder()
const output = (name: string) => join(root(), 'out', `${name}.gguf`)

async function readReport(name: string): Promise<Report> {
  return JSON.parse(await readFile(`${output(name)}.report.json`, 'utf8')) as Report
}

async function shards(): Promise<Buffer[]> {
  const names = (await readdir(root())).filter((name) => name.endsWith('.safetensors'))
  return Promise.all(names.map((name) => readFile(join(root(), name))))
}

/** The weights of an F32 tensor of the source. */
function sourceWeights(files: readonly Buffer[], name: string): Float32Array {
  for (const file of files) {
    const found = findTensor(file, name)
    if (found !== undefined) return new Float32Array(new Uint8Array(file.subarray(found.begin, found.end)).buffer)
  }
  throw new RangeError(`no shard has ${name}`)
}

beforeAll(async () => {
  // The embedding has two slices and rows beyond the last whole sixteen.
  await writeSmallModel(root(), { shards: 3 }, { ...smallShape, vocabulary: 2500 })
  await mkdir(join(root(), 'out'))
  await runToEnd(await planFolder(root(), 'Q3_K_M'), output('q3'))
})

test('each tensor has its place, its type and the SHA-256 of its bytes in the file; so has the header', async () => {
  const report = await readReport('q3')
  const file = await readFile(output('q3'))
  const sha256 = (begin: number, bytes: number) =>
    createHash('sha256')
      .update(file.subarray(begin, begin + bytes))
      .digest('hex')
  expect(report.tensors.length).toBe(21)
  for (const { name, offset, bytes, sha256: recorded } of report.tensors) {
    expect({ name, sha256: recorded }).toEqual({ name, sha256: sha256(offset, bytes) })
  }
  expect(report.header.sha256).toBe(sha256(0, report.header.bytes))
  expect(report.header.bytes).toBe(report.tensors[0]?.offset)
  expect(report.totals.bytes).toBe(file.length)
})

test('bits per weight count the tensors alone; sources and totals are those of the folder', async () => {
  const { totals, tensors, sources, recipe } = await readReport('q3')
  const weights = tensors.reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0)
  const bytes = tensors.reduce((sum, tensor) => sum + tensor.bytes, 0)
  expect(recipe).toBe('Q3_K_M')
  expect(totals).toMatchObject({ weights, tensors: 21, fallbackBytes: 0 })
  expect(totals.bitsPerWeight).toBeCloseTo((bytes * 8) / weights, 4)
  expect(sources.map(({ bytes: size }) => size).toSorted()).toEqual(
    (await shards()).map(({ length }) => length).toSorted(),
  )
})

const libraries = oracleLibraries()
describe.skipIf('missing' in libraries)('the error of a tensor', () => {
  let ggml: GgmlOracle
  beforeAll(() => {
    ggml = openGgml()
  })

  /** RMSE over the rows that are measured, from llama.cpp's own reading of the blocks in the file. */
  function measure(tensor: ReportTensor, blocks: Uint8Array, weights: Float32Array) {
    const restored =
      tensor.type === 'F32'
        ? new Float32Array(new Uint8Array(blocks).buffer)
        : ggml.dequantize(tensor.type as GgmlType, blocks, weights.length)
    const columns = tensor.shape.at(-1) ?? 0
    let squares = 0
    let energy = 0
    let compared = 0
    for (let row = 0; row < weights.length / columns; row++) {
      if ((row % sliceRows) % measuredEvery !== 0) continue
      for (let at = row * columns; at < (row + 1) * columns; at++) {
        squares += ((weights[at] ?? 0) - (restored[at] ?? 0)) ** 2
        energy += (weights[at] ?? 0) ** 2
      }
      compared += columns
    }
    return { rmse: Math.sqrt(squares / compared), relative: Math.sqrt(squares / energy), compared }
  }

  test.each(['Q2_K', 'Q3_K_M', 'Q5_K_M', 'Q8_0'] as const)(
    "is what llama.cpp's dequantizer gives: %s",
    async (recipe) => {
      await runToEnd(await planFolder(root(), recipe), output(recipe))
      const report = await readReport(recipe)
      const [file, sources] = [await readFile(output(recipe)), await shards()]
      for (const tensor of report.tensors) {
        const [source = ''] = tensor.source === 'computed' ? [] : tensor.source.tensors
        const blocks = file.subarray(tensor.offset, tensor.offset + tensor.bytes)
        const expected = measure(tensor, blocks, sourceWeights(sources, source))
        expect(tensor.error.comparedWeights).toBe(expected.compared)
        // Sums of doubles in another order: equal to some ten digits.
        expect(Math.abs(tensor.error.rmse - expected.rmse)).toBeLessThanOrEqual(1e-9 * expected.rmse)
        expect(Math.abs(tensor.error.relative - expected.relative)).toBeLessThanOrEqual(1e-9 * expected.relative)
        if (tensor.type === 'F32') expect(tensor.error.rmse).toBe(0)
        else expect(tensor.error.relative).toBeGreaterThan(0.001)
      }
    },
  )
})

test('fallbacks are reported with the type that was wanted and what they cost', async () => {
  const narrow = join(root(), 'narrow')
  // Rows of 288 weights: whole blocks of 32, not of 256.
  await writeSmallModel(narrow, {}, { ...smallShape, feedForward: 288, layers: 1 })
  await runToEnd(await planFolder(narrow, 'Q4_K_M'), output('narrow'))
  const { tensors, totals } = await readReport('narrow')
  const fallen = tensors.filter(({ fallback }) => fallback !== undefined)
  expect(fallen.map(({ name }) => name)).toEqual(['blk.0.ffn_down.weight'])
  expect(fallen[0]?.shape).toEqual([512, 288])
  expect(totals.fallbackBytes).toBe(fallen[0]?.fallback?.extraBytes)
  expect(totals.fallbackBytes).toBeGreaterThan(0)
})

test('a run in two pieces reports what a run in one does, but for the time', async () => {
  const plan = await planFolder(root(), 'Q3_K_M')
  await runPart(plan, output('pieces'), 5)
  await runToEnd(plan, output('pieces'), { threads: 1 })
  const timeless = (report: Report) => ({
    ...report,
    totals: { ...report.totals, threadSeconds: 0 },
    tensors: report.tensors.map((tensor) => ({ ...tensor, threadSeconds: 0 })),
  })
  expect(timeless(await readReport('pieces'))).toEqual(timeless(await readReport('q3')))
})

test.each(['Q2_K', 'Q4_K_M', 'F16'] as const)('1, 2 and 3 threads give the same bytes: %s', async (recipe) => {
  const plan = await planFolder(root(), recipe)
  const digests: string[] = []
  for (const threads of [1, 2, 3])
    digests.push((await runToEnd(plan, output('threads'), { threads, force: true })).sha256)
  expect(new Set(digests).size).toBe(1)
})
