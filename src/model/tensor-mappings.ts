import type { TensorEntry } from '../formats/safetensors/tensor-entry.ts'
import type { RowTransform, TensorMapping } from './description.ts'
import type { Family, UnderstoodModel } from './families/family.ts'
import { type ExpectedTensor, layerTensorName } from './layout.ts'
import type { Measurements } from './measure.ts'

/**
 * The tensors of the output, in the order of llama.cpp's converter: embedding, tensors made of values, layers 0 to N-1
 * each in the order of the layout, output norm, output.
 */
export function mapTensors(
  family: Family,
  measurements: Measurements,
  model: UnderstoodModel,
): readonly TensorMapping[] {
  const { layout } = family
  const entries = new Map(measurements.entries.map((entry) => [entry.name, entry]))
  const outer = (expected: ExpectedTensor) => mapping(entries, expected.source, expected.gguf, { kind: 'none' })
  const layer = (number: number) =>
    layout.layer.flatMap(({ source, gguf }) => {
      const heads = family.permutedHeads(gguf, model.hyperparameters)
      const transform: RowTransform = heads === undefined ? { kind: 'none' } : { kind: 'rope-interleave', heads }
      return mapping(entries, layerTensorName(number, source), `blk.${number}.${gguf}`, transform)
    })
  return [
    ...outer(layout.embedding),
    ...family.extraTensors(model),
    ...Array.from({ length: measurements.layers }, (_, number) => layer(number)).flat(),
    ...outer(layout.outputNorm),
    ...outer(layout.output),
  ]
}

function mapping(
  entries: ReadonlyMap<string, TensorEntry>,
  source: string,
  name: string,
  transform: RowTransform,
): readonly TensorMapping[] {
  const entry = entries.get(source)
  if (entry === undefined) return []
  return [{ name, shape: entry.shape, source: { kind: 'tensors', names: [source], transform } }]
}
