import { Command } from 'commander'
import { openLocalFile } from '../../disk/local-file.ts'
import { readGguf } from '../../formats/gguf/reader.ts'
import { isGgufPath } from '../../model/open-model.ts'
import { globalOptions } from '../global-options.ts'
import { addModelOptions, type ModelOptions } from '../options/model-options.ts'
import { understandFolder } from '../options/understand-model.ts'
import { ggufDocument, ggufText } from '../render/gguf-view.ts'
import { modelDocument, modelText } from '../render/model-view.ts'

export function inspectCommand(): Command {
  const command = new Command('inspect')
    .description('Show what a folder of safetensors, or a GGUF, really is, with the evidence.')
    .argument('<model-dir|file.gguf>', 'folder with safetensors, or a GGUF file')
  return addModelOptions(command).action(async (path: string, options: ModelOptions) => {
    const { json, verbose } = globalOptions(command)
    if (isGgufPath(path)) {
      const gguf = await inspectGguf(path)
      process.stdout.write(json ? `${JSON.stringify(ggufDocument(gguf), null, 2)}\n` : ggufText(gguf, verbose))
    } else {
      const model = await understandFolder(path, options)
      process.stdout.write(json ? `${JSON.stringify(modelDocument(model), null, 2)}\n` : modelText(model, verbose))
    }
  })
}

async function inspectGguf(path: string) {
  const file = await openLocalFile(path)
  try {
    return await readGguf(file)
  } finally {
    await file.close()
  }
}
