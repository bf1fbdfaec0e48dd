import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type ModelFolderOptions, writeModelFolder } from '../../fixtures/model-folder.ts'
import type { ModelShape } from '../../fixtures/model-shapes.ts'

/** 15 tensors with 83 thousand weights. */
const shape: ModelShape = {
  layers: 2,
  hidden: 64,
  feedForward: 128,
  heads: 2,
  kvHeads: 1,
  headSize: 32,
  vocabulary: 64,
}

/** Writes what a download brings, quickly: 13 shards, true in form; nothing that a conversion would accept. */
export async function writeDownloadSource(folder: string, options: ModelFolderOptions = {}): Promise<string[]> {
  const { shards } = await writeModelFolder(folder, shape, {
    shards: 13,
    extras: (path) => writeFile(join(path, 'tokenizer.json'), '{"model":{}}'),
    ...options,
  })
  return [...shards]
}
