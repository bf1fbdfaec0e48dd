import type { Command } from 'commander'
import type { JobOptions } from '../../jobs/job-options.ts'

export interface RequantizeOption {
  readonly allowRequantize?: boolean
}

export function addRequantizeOption(command: Command): Command {
  return command.option('--allow-requantize', 'quantize a GGUF anew that is quantized already, at the loss of both')
}

export function readRequantizeOption({ allowRequantize }: RequantizeOption): Pick<JobOptions, 'allowRequantize'> {
  return allowRequantize === undefined ? {} : { allowRequantize }
}
