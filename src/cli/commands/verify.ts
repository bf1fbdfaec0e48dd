import { Command } from 'commander'
import { globalOptions } from '../global-options.ts'
import { addModelOptions, type ModelOptions } from '../options/model-options.ts'

export interface VerifyCommandOptions extends ModelOptions {
  readonly source?: string
}

export function verifyCommand(): Command {
  const command = new Command('verify')
    .description('Read a GGUF back: structure, digests against its report, and optionally its source.')
    .argument('<file.gguf>', 'file to verify; of a split the first, and all are')
    .option('--source <model>', 'quantize a sample of rows again from here and compare')
  return addModelOptions(command).action(async (file: string, options: VerifyCommandOptions) => {
    const { verifyGguf } = await import('./verify-gguf.ts')
    await verifyGguf(file, options, globalOptions(command))
  })
}
