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
    .optionsGroup('What the folder leaves open:')
    .option('--family <name>', 'family of the model: phi-fused or llama-split')
    .option('--override <key=value>', 'a hyperparameter, such as head_size=128 (repeatable)', parseOverride)
    .option('--pre <name>', "llama.cpp's name of the pre-tokenizer, such as llama-bpe")
}
