import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Dtype } from '#dist/formats/safetensors/dtype.js'
import type { ModelFolder } from '#dist/formats/safetensors/model-folder.js'
import type { TensorEntry } from '#dist/formats/safetensors/tensor-entry.js'
import { type ModelShape, modelTensors, type TensorLayout } from '../../fixtures/model-shapes.ts'

export interface HandMadeTensor {
  readonly name: string
  readonly shape: readonly number[]
  readonly dtype?: Dtype
}

/** A folder as its headers would describe it, without any shard on disk. */
export function folderOf(path: string, tensors: readonly HandMadeTensor[]): ModelFolder {
  const entries = tensors.map(({ name, shape, dtype = 'BF16' }): [string, TensorEntry] => [
    name,
    { name, shape, dtype, shard: 0, offset: 0, byteLength: 0 },
  ])
  const shard = { name: 'model.safetensors', path: join(path, 'model.safetensors'), size: 0, modifiedMs: 0 }
  return { path, shards: [{ ...shard, headerSha256: '' }], tensors: new Map(entries) }
}

/** The tensors of a model, with some of them replaced (by name) or, where `undefined`, left out. */
export function tensorsOf(
  shape: ModelShape,
  layout: TensorLayout,
  changes: Readonly<Record<string, readonly number[] | undefined>> = {},
  tied = false,
): HandMadeTensor[] {
  const changed = (name: string, size: readonly number[]) => (Object.hasOwn(changes, name) ? changes[name] : size)
  return modelTensors(shape, layout, tied).flatMap((tensor) => {
    const size = changed(tensor.name, tensor.shape)
    return size === undefined ? [] : [{ name: tensor.name, shape: size }]
  })
}

/** Writes config.json (and README.md) beside the tokenizer's files. */
export async function writeSmallFiles(path: string, config: object | undefined, readme?: string): Promise<void> {
  await mkdir(path, { recursive: true })
  if (config !== undefined) await writeFile(join(path, 'config.json'), JSON.stringify(config))
  if (readme !== undefined) await writeFile(join(path, 'README.md'), readme)
}
