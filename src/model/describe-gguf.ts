import { MiberaError } from '../base/errors.ts'
import { quote } from '../base/quote.ts'
import type { GgufModel, GgufTensor } from '../formats/gguf/open-gguf.ts'
import { splitKeys } from '../formats/gguf/split.ts'
import type { Dimensions, ModelDescription, TensorMapping } from './description.ts'

/** Keys that depend on the recipe, or on the files a model is kept in. */
const notPassedOn: ReadonlySet<string> = new Set([
  'general.file_type',
  'general.quantization_version',
  ...Object.values(splitKeys),
])

/** Longest tensor name, in bytes, that llama.cpp reads. */
const maxNameBytes = 63
/** A figure above is no model's: what is made of it must stay an ordinary number. */
const maxFigure = 2 ** 31

/**
 * Takes a GGUF at its word, of whatever architecture: its metadata is passed on, and of its figures only those are
 * asked that decide types.
 * @throws MiberaError GGUF_MALFORMED where one of them is missing or makes no sense, or llama.cpp could not read the
 *   tensors.
 */
export function describeGguf(gguf: GgufModel): ModelDescription {
  const architecture = architectureOf(gguf)
  const tensors = [...gguf.tensors.values()]
  if (tensors.length === 0) throw unfit(gguf, 'it has no tensors')
  if (gguf.metadata.has('')) throw unfit(gguf, 'it has a metadata key without a name')
  for (const { name } of tensors) requireName(gguf, name)
  return {
    from: 'gguf',
    family: undefined,
    knownAs: text(gguf, 'general.name'),
    architecture,
    parameters: tensors.reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0),
    dimensions: dimensionsOf(gguf, architecture),
    contradictions: [],
    tensors: tensors.map(mappingOf),
    metadata: new Map([...gguf.metadata].filter(([key]) => !notPassedOn.has(key))),
  }
}

function mappingOf({ name, shape, dtype }: GgufTensor): TensorMapping {
  return {
    name,
    shape: withoutLeadingOnes(shape),
    source: { kind: 'tensors', names: [name], transform: { kind: 'none' } },
    keptAs: dtype,
  }
}

/** ggml knows dimensions up to the outermost that is not 1, and at least one. */
function withoutLeadingOnes(shape: readonly number[]): readonly number[] {
  const first = shape.findIndex((size) => size !== 1)
  return first < 0 ? [1] : shape.slice(first)
}

function architectureOf(gguf: GgufModel): string {
  const architecture = text(gguf, 'general.architecture')
  if (architecture !== undefined && architecture !== '') return architecture
  throw unfit(gguf, 'it does not say its general.architecture')
}

function dimensionsOf(gguf: GgufModel, architecture: string): Dimensions {
  const figure = (key: string) => firstFigure(gguf, `${architecture}.${key}`)
  const layers = figure('block_count')
  // A projector of images or sounds has its layers under other keys, and llama.cpp does not ask for them either.
  if (layers === undefined && architecture !== 'clip')
    throw unfit(gguf, `it does not say its ${architecture}.block_count`)
  const heads = figure('attention.head_count') ?? 0
  const hidden = figure('embedding_length') ?? 0
  return {
    layers: layers ?? 0,
    heads,
    kvHeads: figure('attention.head_count_kv') ?? heads,
    headSize: figure('attention.key_length') ?? (heads === 0 ? 0 : Math.floor(hidden / heads)),
    hidden,
    feedForward: figure('feed_forward_length') ?? 0,
    vocabulary: figure('vocab_size') ?? gguf.tensors.get('token_embd.weight')?.shape.at(-2) ?? 0,
    experts: figure('expert_count') ?? 0,
  }
}

/** A figure, or of one for each layer the first; `undefined` where the key is missing. */
function firstFigure(gguf: GgufModel, key: string): number | undefined {
  const value = gguf.metadata.get(key)
  if (value === undefined) return undefined
  const first = value.type === 'array' ? value.value[0] : value.value
  const figure = typeof first === 'bigint' ? Number(first) : first
  if (typeof figure === 'number' && Number.isInteger(figure) && figure >= 0 && figure < maxFigure) return figure
  const shown = first === undefined ? 'an empty list' : typeof first === 'string' ? quote(first) : String(first)
  throw unfit(gguf, `${quote(key)} is ${shown}, not a number of things`)
}

function text({ metadata }: GgufModel, key: string): string | undefined {
  const value = metadata.get(key)
  return value?.type === 'string' ? value.value : undefined
}

function requireName(gguf: GgufModel, name: string): void {
  const bytes = Buffer.byteLength(name)
  if (bytes <= maxNameBytes) return
  throw unfit(gguf, `the tensor name ${quote(name)} has ${bytes} bytes; llama.cpp reads ${maxNameBytes}`)
}

function unfit({ path }: GgufModel, what: string): MiberaError {
  return new MiberaError('GGUF_MALFORMED', `${path} cannot be quantized: ${what}`, {
    subject: path,
    hint: 'Give a GGUF that llama.cpp loads as a model: not an adapter, an importance matrix, or a later file of several.',
  })
}
