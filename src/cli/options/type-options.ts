import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { MiberaError } from '../../base/errors.ts'
import type { JobOptions } from '../../jobs/job-options.ts'
import { parseTensorType, requireType } from '../../quant/tensor-pattern.ts'
import { collect } from './parse.ts'

export interface TypeCommandOptions {
  readonly tensorType?: readonly string[]
  readonly tensorTypeFile?: readonly string[]
  readonly outputTensorType?: string
  readonly tokenEmbeddingType?: string
  readonly leaveOutputTensor?: boolean
  readonly pure?: boolean
  readonly fallback: boolean
}

/** The options about the types of single tensors, named as llama-quantize names them. */
export function addTypeOptions(command: Command): Command {
  return command
    .optionsGroup('Types of single tensors:')
    .option(
      '--tensor-type <regex=type>',
      'for names that have this in them, such as attn_v=Q6_K; of several that fit the first counts (repeatable)',
      collect,
    )
    .option('--tensor-type-file <file>', 'more of these, separated by spaces or lines (repeatable)', collect)
    .option('--output-tensor-type <type>', 'type of the output projection')
    .option('--token-embedding-type <type>', 'type of the token embedding')
    .option('--leave-output-tensor', 'do not quantize the output projection')
    .option('--pure', 'every matrix alike, none with more bits than the others')
    .option('--no-fallback', 'refuse where rows do not fit a type, instead of taking a larger one')
}

/** @throws MiberaError USAGE for a type or pattern that is not lawful; IO for a file that cannot be read. */
export function readTypeOptions(options: TypeCommandOptions): Pick<JobOptions, 'types'> {
  const {
    tensorType = [],
    tensorTypeFile = [],
    outputTensorType,
    tokenEmbeddingType,
    leaveOutputTensor,
    pure,
  } = options
  const tensorTypes = [
    ...tensorType.map((text) => parseTensorType(text)),
    ...tensorTypeFile.flatMap((file) => wordsOf(file).map((text) => parseTensorType(text, file))),
  ].map(([pattern, type]): [string, typeof type] => [pattern, type])
  const types = {
    ...(tensorTypes.length === 0 ? {} : { tensorTypes }),
    ...(outputTensorType === undefined ? {} : { outputType: requireType(outputTensorType, '--output-tensor-type') }),
    ...(tokenEmbeddingType === undefined
      ? {}
      : { embeddingType: requireType(tokenEmbeddingType, '--token-embedding-type') }),
    ...(leaveOutputTensor === true ? { leaveOutput: true } : {}),
    ...(pure === true ? { pure: true } : {}),
    ...(options.fallback ? {} : { noFallback: true }),
  }
  return Object.keys(types).length === 0 ? {} : { types }
}

function wordsOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8')
      .split(/\s+/)
      .filter((word) => word !== '')
  } catch (cause) {
    throw new MiberaError('IO', `cannot read the types of tensors in ${file}: ${(cause as Error).message}`, {
      subject: file,
      hint: 'Check --tensor-type-file.',
      cause,
    })
  }
}
