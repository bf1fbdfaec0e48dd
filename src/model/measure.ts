import { MiberaError } from '../base/errors.ts'
import { listFirst, quote } from '../base/quote.ts'
import type { TensorEntry } from '../formats/safetensors/tensor-entry.ts'
import type { LayerIndex } from './layer-index.ts'
import { type ExpectedTensor, type Layout, layerTensorName, shapeText, type Width } from './layout.ts'

/** A width and the tensor that shows it. */
export interface Measured {
  readonly value: number
  readonly tensor: string
  /** "rows" or "columns" of that tensor. */
  readonly axis: 'rows' | 'columns'
}

/** What the tensors of a model show, once all of them are there and agree. */
export interface Measurements {
  readonly layers: number
  readonly widths: ReadonlyMap<Width, Measured>
  /** Whether there is an output projection of its own. */
  readonly hasOutput: boolean
  /** The tensors that make up the model, in the layout's order. */
  readonly entries: readonly TensorEntry[]
}

/**
 * Checks the tensors against a layout: all there, each of the same shape as its siblings in the other layers, all
 * widths agreeing, nothing left over.
 * @throws MiberaError TENSOR_MISSING, TENSOR_SHAPE or TENSOR_UNEXPECTED, naming the tensor and what it was held against.
 */
export function measure(index: LayerIndex, layout: Layout): Measurements {
  const widths = new Map<Width, Measured>()
  const entries: TensorEntry[] = []
  const take = (entry: TensorEntry, expected: ExpectedTensor) => {
    bindWidths(entry, expected, widths)
    entries.push(entry)
  }
  take(outerTensor(index, layout.embedding), layout.embedding)
  for (const expected of layout.layer) requireSiblings(index, expected)
  for (const layer of index.layers) {
    for (const expected of layout.layer) {
      const entry = layer.get(expected.source)
      if (entry !== undefined) take(entry, expected)
    }
  }
  take(outerTensor(index, layout.outputNorm), layout.outputNorm)
  const output = index.outer.get(layout.output.source)
  if (output !== undefined) take(output, layout.output)
  refuseOthers(index, new Set(entries.map(({ name }) => name)))
  return { layers: index.layers.length, widths, hasOutput: output !== undefined, entries }
}

function outerTensor(index: LayerIndex, { source }: ExpectedTensor): TensorEntry {
  const entry = index.outer.get(source)
  if (entry !== undefined) return entry
  throw missing(source, 'every model of this layout has it')
}

/** That a layer's tensor is in every layer, and in all of the shape that most of them have. */
function requireSiblings(index: LayerIndex, { source }: ExpectedTensor): void {
  const entries = index.layers.map((layer) => layer.get(source))
  const model = mostCommonShape(entries)
  for (const [number, entry] of entries.entries()) {
    const name = layerTensorName(number, source)
    if (entry === undefined) {
      throw missing(name, model ? `expected ${shapeText(model.shape)}, as ${model.name} has` : 'no layer has it')
    }
    if (model !== undefined && shapeText(entry.shape) !== shapeText(model.shape)) {
      throw misshapen(entry, `${shapeText(model.shape)}, as ${model.name} and most of its siblings are`)
    }
  }
}

/** The first tensor of the shape that most of them have. */
function mostCommonShape(entries: readonly (TensorEntry | undefined)[]): TensorEntry | undefined {
  const groups = new Map<string, { first: TensorEntry; count: number }>()
  for (const entry of entries) {
    if (entry === undefined) continue
    const shape = shapeText(entry.shape)
    const group = groups.get(shape)
    groups.set(shape, { first: group?.first ?? entry, count: (group?.count ?? 0) + 1 })
  }
  return [...groups.values()].sort((a, b) => b.count - a.count)[0]?.first
}

/** Binds the widths that a tensor is the first to show, and holds it to those already known. */
function bindWidths(entry: TensorEntry, { shape }: ExpectedTensor, widths: Map<Width, Measured>): void {
  if (entry.shape.length !== shape.length) throw misshapen(entry, `a shape of ${shape.length} dimensions`)
  for (const [axis, width] of shape.entries()) {
    const value = entry.shape[axis] ?? 0
    const axisName = axis === shape.length - 1 ? 'columns' : 'rows'
    const known = widths.get(width)
    if (value === 0) throw misshapen(entry, `${axisName} at all`)
    if (known === undefined) widths.set(width, { value, tensor: entry.name, axis: axisName })
    else if (known.value !== value) {
      throw misshapen(entry, `${known.value} ${axisName}, because ${known.tensor} has ${known.value} ${known.axis}`)
    }
  }
}

function refuseOthers(index: LayerIndex, taken: ReadonlySet<string>): void {
  const all = [index.outer, ...index.layers].flatMap((tensors) => [...tensors.values()])
  const others = all
    .filter(({ name }) => !taken.has(name))
    .map(({ name, shape }) => `${quote(name)} ${shapeText(shape)}`)
  if (others.length === 0) return
  const what = `${others.length} of ${all.length} tensors have no place in this layout: ${listFirst(others, 5)}`
  throw new MiberaError('TENSOR_UNEXPECTED', what, {
    subject: all.find(({ name }) => !taken.has(name))?.name ?? '',
    hint: 'Leaving out weights would change the model, so nothing is converted. The model may be of another family.',
  })
}

function missing(name: string, expected: string): MiberaError {
  return new MiberaError('TENSOR_MISSING', `Tensor ${name} is missing; ${expected}`, {
    subject: name,
    hint: 'Check that every shard of the model has been downloaded.',
  })
}

function misshapen(entry: TensorEntry, expected: string): MiberaError {
  return new MiberaError('TENSOR_SHAPE', `Tensor ${entry.name} is ${shapeText(entry.shape)}; expected ${expected}`, {
    subject: entry.name,
    hint: 'Download the shard that holds it again, or check how the model was merged.',
  })
}
