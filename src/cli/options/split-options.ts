import { type Command, InvalidArgumentError, Option } from 'commander'
import type { JobOptions } from '../../jobs/job-options.ts'

export interface SplitOptions {
  readonly splitMaxSize?: number
  readonly splitMaxTensors?: number
  /** False where `--no-tensor-first-split` was given. */
  readonly tensorFirstSplit?: boolean
}

export function addSplitOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--split-max-size <size>', 'split into files with at most 500M, 4G … (of 1000) of tensors')
        .argParser(parseSplitSize)
        .conflicts('splitMaxTensors'),
    )
    .option('--split-max-tensors <n>', 'split into files with at most n tensors', parseSplitTensors)
    .option('--no-tensor-first-split', 'the first file of a split has metadata only')
}

/** With `--no-tensor-first-split` alone it is 128 tensors, as gguf-split has it. */
export function readSplitOptions(options: SplitOptions): Pick<JobOptions, 'split'> {
  const { splitMaxSize: maxBytes, splitMaxTensors: maxTensors, tensorFirstSplit } = options
  const firstWithoutTensors = tensorFirstSplit === false
  if (maxBytes === undefined && maxTensors === undefined && !firstWithoutTensors) return {}
  return {
    split: {
      ...(maxBytes === undefined ? { maxTensors: maxTensors ?? usualMaxTensors } : { maxBytes }),
      ...(firstWithoutTensors ? { firstWithoutTensors } : {}),
    },
  }
}

/** Source: `n_split_tensors` in llama.cpp's tools/gguf-split. */
const usualMaxTensors = 128

/** gguf-split's "N(M|G)": units are of 1000. */
function parseSplitSize(text: string): number {
  const match = /^([1-9]\d{0,8})([MG])$/.exec(text)
  if (match === null) throw new InvalidArgumentError('Give a whole number with M or G (of 1000), as 500M or 4G.')
  return Number(match[1]) * (match[2] === 'M' ? 1000 ** 2 : 1000 ** 3)
}

function parseSplitTensors(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('Give a whole number from 1 on.')
  return Number(text)
}
