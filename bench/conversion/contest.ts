import { rm } from 'node:fs/promises'
import type { RecipeName } from '#dist/quant/recipes.js'
import { fileTypes, quantizeModel } from '../../test/helpers/llama-runtime.ts'
import { median } from '../median.ts'
import type { Place, SourceType } from './place.ts'
import type { ProcessRun } from './program.ts'
import { startQuietly } from './quiet-start.ts'

export interface Contest {
  /** Model folder. */
  readonly model: string
  readonly dtype: SourceType
  readonly type: RecipeName
  readonly threads: number
  readonly rounds: number
}

/** Medians of the rounds; `ratio` is the median of the rounds' ratios. */
export interface Outcome {
  readonly oursSeconds: number
  readonly llamaSeconds: number
  readonly ratio: number
  readonly ratios: readonly number[]
  readonly oursPeakBytes: number
  readonly llamaPeakBytes: number
}

/**
 * Whole conversions, in alternation. Ours is the process from start to exit: it reads safetensors, syncs, and reads
 * back. Theirs is the call of `llama_model_quantize` alone, from a GGUF of the same weights that lies there already.
 * The output of ours is left at `ours.gguf`.
 * @param between is done after each round.
 */
export async function contest(
  place: Place,
  { model, dtype, type, threads, rounds }: Contest,
  between: () => Promise<void> = async () => {},
): Promise<Outcome> {
  const gguf = await place.unquantized(model, dtype)
  const ours: ProcessRun[] = []
  const theirs: ProcessRun[] = []
  const words = ['--type', type, '--out', place.path('ours.gguf'), '--threads', String(threads)]
  for (let round = 0; round <= rounds; round++) {
    // Neither has an earlier output to replace: to let go of its bytes takes the disk a while.
    await rm(place.path('ours.gguf'), { force: true })
    const our = await place.convert(model, words)
    const their = await quantizeByLlama(gguf, place.path('theirs.gguf'), type, threads)
    // In the first round others give back the memory that is needed.
    if (round === 0) continue
    ours.push(our)
    theirs.push(their)
    await between()
  }
  const ratios = ours.map(({ seconds }, round) => rounded((theirs[round]?.seconds ?? Number.NaN) / seconds))
  return {
    oursSeconds: rounded(median(ours.map(({ seconds }) => seconds))),
    llamaSeconds: rounded(median(theirs.map(({ seconds }) => seconds))),
    ratio: rounded(median(ratios)),
    ratios,
    oursPeakBytes: Math.max(...ours.map(({ peakBytes }) => peakBytes)),
    llamaPeakBytes: Math.max(...theirs.map(({ peakBytes }) => peakBytes)),
  }
}

/** Whether llama.cpp's library has this recipe under a number that the tests' helpers know. */
export function hasRival(type: RecipeName): type is RecipeName & keyof typeof fileTypes {
  return Object.hasOwn(fileTypes, type)
}

async function quantizeByLlama(input: string, output: string, type: RecipeName, threads: number): Promise<ProcessRun> {
  if (!hasRival(type)) throw new Error(`llama.cpp's number of ${type} is not known`)
  await startQuietly(input)
  const { seconds, peakBytes } = await quantizeModel(input, output, { ftype: type, threads })
  await rm(output)
  return { seconds, peakBytes }
}

export function rounded(value: number): number {
  return Number(value.toFixed(3))
}

export function describe({ oursSeconds, llamaSeconds, ratio, oursPeakBytes, llamaPeakBytes }: Outcome): string {
  const cells = [
    `ours ${oursSeconds.toFixed(2)} s`,
    `llama.cpp ${llamaSeconds.toFixed(2)} s`,
    `${ratio.toFixed(2)} ×`,
    `peak ${mebibytes(oursPeakBytes)} and ${mebibytes(llamaPeakBytes)} MiB`,
  ]
  return cells
    .map((cell) => cell.padEnd(20))
    .join('')
    .trimEnd()
}

export function mebibytes(bytes: number): string {
  return String(Math.round(bytes / 2 ** 20))
}
