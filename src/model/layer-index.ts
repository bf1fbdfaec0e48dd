import { MiberaError } from '../base/errors.ts'
import type { ModelFolder } from '../formats/safetensors/model-folder.ts'
import type { TensorEntry } from '../formats/safetensors/tensor-entry.ts'

/** The tensors of a folder, told apart by layer. */
export interface LayerIndex {
  /** By layer: the tensors after "model.layers.N.". Layers 0 to N-1, none missing. */
  readonly layers: readonly ReadonlyMap<string, TensorEntry>[]
  /** Tensors outside the layers, by whole name. */
  readonly outer: ReadonlyMap<string, TensorEntry>
}

/** No model has more; a hostile name must not make an array of a billion layers. */
const maximumLayers = 10_000

/** Buffers of old checkpoints that hold no weights. Source: llama.cpp conversion/base.py, prepare_tensors. */
const bufferNames = ['.attention.masked_bias', '.attention.bias', '.rotary_emb.inv_freq']

const layerName = /^model\.layers\.(0|[1-9]\d*)\.(.+)$/

/**
 * Sorts the tensors by layer; buffers without weights are left out.
 * @throws MiberaError TENSOR_MISSING if a whole layer below the last one is not there.
 */
export function indexLayers(folder: ModelFolder): LayerIndex {
  const byLayer = new Map<number, Map<string, TensorEntry>>()
  const outer = new Map<string, TensorEntry>()
  for (const [name, entry] of folder.tensors) {
    if (bufferNames.some((buffer) => name.endsWith(buffer))) continue
    const [, number, rest] = layerName.exec(name) ?? []
    if (number === undefined || rest === undefined || Number(number) >= maximumLayers) {
      outer.set(name, entry)
      continue
    }
    const layer = byLayer.get(Number(number)) ?? new Map<string, TensorEntry>()
    byLayer.set(Number(number), layer.set(rest, entry))
  }
  return { layers: consecutive(byLayer), outer }
}

function consecutive(byLayer: ReadonlyMap<number, ReadonlyMap<string, TensorEntry>>) {
  const count = Math.max(-1, ...byLayer.keys()) + 1
  return Array.from({ length: count }, (_, number) => {
    const layer = byLayer.get(number)
    if (layer !== undefined) return layer
    const name = `model.layers.${number}`
    throw new MiberaError(
      'TENSOR_MISSING',
      `Layer ${number} is missing entirely: the tensors go up to layer ${count - 1}`,
      {
        subject: name,
        hint: 'Check that every shard of the model has been downloaded.',
      },
    )
  })
}
