import { readImatrix } from '#dist/formats/imatrix/read-imatrix.js'
import type { GivenImportance } from '#dist/plan/importance.js'
import type { PlannedTensor } from '#dist/plan/plan.js'
import { ggufImatrix, type MeasuredEntry, measuredTensors } from './imatrix-files.ts'
import { memorySource } from './memory-source.ts'
import type { QuantizeLists } from './quantize-lists.ts'
import { type Random, seededRandom } from './random.ts'

/** Sums as `llama-imatrix` would measure them: for matrices that are multiplied with, so not for the embedding. */
export function randomEntries(
  tensors: readonly Pick<PlannedTensor, 'name' | 'shape'>[],
  seed: number,
  leftOut: (name: string) => boolean = () => false,
): MeasuredEntry[] {
  const random = seededRandom(seed)
  return tensors
    .filter(({ name, shape }) => shape.length > 1 && name !== 'token_embd.weight' && !leftOut(name))
    .map(({ name, shape }) => {
      const experts = shape.at(-3) ?? 1
      const counts = Array.from({ length: experts }, () => random.integer(experts === 1 ? 1000 : 4))
      return {
        name,
        counts: experts === 1 ? [7 + (counts[0] ?? 0)] : counts,
        sums: sumsOf(random, experts * (shape.at(-1) ?? 1)),
      }
    })
}

/** Squares over a few decades, and some columns that were never active. */
function sumsOf(random: Random, length: number): number[] {
  return Array.from({ length }, () =>
    random.integer(20) === 0 ? 0 : Math.fround(random.gaussian() ** 2 * 10 ** (random.integer(5) - 2)),
  )
}

/** The same entries as llama-quantize passes them to the quantizer: f32 divided by f32. */
export function llamaEntries(entries: readonly MeasuredEntry[]): NonNullable<QuantizeLists['importances']> {
  return entries.map(({ name, sums, counts }) => {
    const columns = sums.length / counts.length
    const values = sums.map((sum, at) => {
      const count = counts[Math.floor(at / columns)] ?? 0
      return count === 0 ? 1 : Math.fround(Math.fround(sum) / Math.fround(count))
    })
    return [name, Float32Array.from(values)] as const
  })
}

/** What is given to a plan for a GGUF file of these entries. */
export async function givenImatrix(file: string, entries: readonly MeasuredEntry[]): Promise<GivenImportance> {
  return { file, imatrix: await readImatrix(memorySource(ggufImatrix(measuredTensors(entries)))) }
}
