import { Command } from 'commander'
import { globalOptions } from '../global-options.ts'
import { addModelOptions, type ModelOptions } from '../options/model-options.ts'

export function inspectCommand(): Command {
  const command = new Command('inspect')
    .description('Show what a folder of safetensors, or a GGUF, really is, with the evidence.')
    .argument('<model-dir|file.gguf>', 'folder with safetensors, or a GGUF file')
  return addModelOptions(command).action(async (path: string, options: ModelOptions) => {
    const { inspectModel } = await import('./inspect-model.ts')
    await inspectModel(path, options, globalOptions(command))
  })
}
