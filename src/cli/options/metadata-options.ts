import type { Command } from 'commander'
import type { JobOptions } from '../../jobs/job-options.ts'
import { parseMetadataOverride } from '../../plan/metadata-override.ts'
import { collect } from './parse.ts'

export interface MetadataCommandOptions {
  readonly overrideKv?: readonly string[]
}

export function addMetadataOptions(command: Command): Command {
  return command
    .optionsGroup('Metadata and files of the output:')
    .option(
      '--override-kv <key=type:value>',
      'set a metadata key; the type is int, float, bool or str (repeatable)',
      collect,
    )
}

/** @throws MiberaError USAGE for one that is not lawful. */
export function readMetadataOptions({ overrideKv }: MetadataCommandOptions): Pick<JobOptions, 'overrideKv'> {
  for (const text of overrideKv ?? []) parseMetadataOverride(text)
  return overrideKv === undefined ? {} : { overrideKv: [...overrideKv] }
}
