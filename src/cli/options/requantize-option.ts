import type { Command } from 'commander'
import type { JobOptions } from '../../jobs/job-options.ts'

export interface RequantizeOption {
  readonly allowRequantize?: boolean
}

export function addRequantizeOption(command: Command): Command {
  return command.option(
    '--allow-requantize',
    'also from a GGUF that is quantized already, though quality is lost twice',
  )
}

export function readRequantizeOption({ allowRequantize }: RequantizeOption): Pick<JobOptions, 'allowRequantize'> {
  return allowRequantize === undefined ? {} : { allowRequantize }
}
