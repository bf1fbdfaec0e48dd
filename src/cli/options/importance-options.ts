import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import { MiberaError } from '../../base/errors.ts'
import type { JobOptions } from '../../jobs/job-options.ts'

export interface ImportanceOptions {
  readonly imatrix?: string
  readonly includeWeights?: readonly string[]
  readonly excludeWeights?: readonly string[]
}

/** The options of llama-quantize of these names. */
export function addImportanceOptions(command: Command): Command {
  return command
    .optionsGroup('Importance matrix:')
    .option('--imatrix <file>', 'made by llama-imatrix (GGUF or .dat); the smallest types need one')
    .addOption(
      new Option('--include-weights <name>', 'use only its entries whose name contains this (repeatable)')
        .argParser(another)
        .conflicts('excludeWeights'),
    )
    .option('--exclude-weights <name>', 'leave out its entries whose name contains this (repeatable)', another)
}

export function readImportanceOptions(options: ImportanceOptions): Pick<JobOptions, 'importance'> {
  const { imatrix: named, includeWeights: include, excludeWeights: exclude } = options
  if (named === undefined) {
    if (include === undefined && exclude === undefined) return {}
    throw new MiberaError('USAGE', '--include-weights and --exclude-weights choose among the entries of an --imatrix', {
      hint: 'Name the importance matrix with --imatrix.',
    })
  }
  return {
    importance: {
      ...{ file: resolve(named), named },
      ...(include === undefined ? {} : { include: [...include] }),
      ...(exclude === undefined ? {} : { exclude: [...exclude] }),
    },
  }
}

function another(name: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, name]
}
