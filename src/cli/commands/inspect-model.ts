import { openLocalFile } from '../../disk/local-file.ts'
import { readGguf } from '../../formats/gguf/reader.ts'
import { isGgufPath } from '../../model/open-model.ts'
import type { GlobalOptions } from '../global-options.ts'
import type { ModelOptions } from '../options/model-options.ts'
import { understandFolder } from '../options/understand-model.ts'
import { ggufDocument, ggufText } from '../render/gguf-view.ts'
import { modelDocument, modelText } from '../render/model-view.ts'

/** What `mibera inspect` does. */
export async function inspectModel(
  path: string,
  options: ModelOptions,
  { json, verbose }: GlobalOptions,
): Promise<void> {
  if (isGgufPath(path)) {
    const gguf = await inspectGguf(path)
    process.stdout.write(json ? `${JSON.stringify(ggufDocument(gguf), null, 2)}\n` : ggufText(gguf, verbose))
  } else {
    const model = await understandFolder(path, options)
    process.stdout.write(json ? `${JSON.stringify(modelDocument(model), null, 2)}\n` : modelText(model, verbose))
  }
}

async function inspectGguf(path: string) {
  const file = await openLocalFile(path)
  try {
    return await readGguf(file)
  } finally {
    await file.close()
  }
}
