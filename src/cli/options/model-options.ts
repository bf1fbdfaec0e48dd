import type { Command } from 'commander'
import { parseOverride } from './parse.ts'

export interface ModelOptions {
  readonly family?: string
  readonly override?: ReadonlyMap<string, string>
  readonly pre?: string
}

/** The options by which a person answers what a folder leaves open. */
export function addModelOptions(command: Command): Command {
  return command
    .option('--family <name>', 'what family of models this is, where the folder does not tell')
    .option('--override <key=value>', 'a hyperparameter that you know better (repeatable)', parseOverride)
    .option('--pre <name>', "llama.cpp's name of the pre-tokenizer, where it is not recognised")
}
