import { MiberaError } from '../base/errors.ts'
import { type GgufValue, string, u32 } from '../formats/gguf/values.ts'
import type { Imatrix } from '../formats/imatrix/imatrix.ts'
import { needsImportance, usesImportance } from '../quant/kernels.ts'
import { importanceMissing } from '../quant/refused-choice.ts'
import type { TypeOptions } from '../quant/type-options.ts'
import type { PlannedTensor } from './plan.ts'

/** An importance matrix that plans are made with: what of it counts, and how it was named. */
export interface GivenImportance {
  /** As the person wrote it: llama.cpp records it in the output. */
  readonly file: string
  /** Without the entries that are not to be used. */
  readonly imatrix: Imatrix
}

/** What is remembered of an importance matrix besides its values. */
export interface PlannedImportance {
  readonly file: string
  /** SHA-256 (hex) of the file. */
  readonly sha256: string
  /** What it was measured on. */
  readonly dataset: string | undefined
  /** How many matrices it has values for, and on how many pieces of text they were measured (0: not known). */
  readonly entries: number
  readonly chunks: number
}

/** Bytes of a text that llama.cpp's tool records: those of its option's buffer. */
const recordedBytes = 127
/** Entries for these may be of another length, and are then not used: old ones were measured otherwise. */
const embeddings = ['token_embd.weight', 'per_layer_token_embd.weight']

export function plannedImportance({ file, imatrix }: GivenImportance): PlannedImportance {
  const { sha256, datasets, entries, chunks } = imatrix
  return { file, sha256, dataset: datasets[0], entries: entries.size, chunks }
}

/**
 * How much the columns of a tensor count: one f32 per column, or per expert and column.
 * @returns undefined where the matrix says nothing of it, or blocks of its type are not chosen by that.
 * @throws MiberaError IMATRIX_MISMATCH for another number of values; IMPORTANCE_MISSING where there are none and blocks
 *   of its type can only be chosen so.
 */
export function importanceOf(
  given: GivenImportance | undefined,
  recipe: string,
  { name, shape, type, source }: Pick<PlannedTensor, 'name' | 'shape' | 'type' | 'source'>,
): Float32Array | undefined {
  // What is only copied has no blocks to be chosen.
  if (type === 'F32' || (source.kind === 'rows' && source.dtype === type)) return undefined
  const values = given === undefined ? undefined : usableImportance(given, name, shape)
  if (values === undefined && needsImportance(type)) throw importanceMissing(name, type, recipe, given !== undefined)
  return usesImportance(type) ? values : undefined
}

/** What the rules of a recipe go by: the wishes, and which tensors the matrix has something to say of. */
export function guidedTypes(
  wishes: Omit<TypeOptions, 'hasImportance'>,
  tensors: readonly Pick<PlannedTensor, 'name' | 'shape'>[],
  given: GivenImportance | undefined,
): TypeOptions {
  if (given === undefined) return wishes
  const shapes = new Map(tensors.map(({ name, shape }) => [name, shape]))
  return { ...wishes, hasImportance: (name) => usableImportance(given, name, shapes.get(name) ?? []) !== undefined }
}

function usableImportance(
  { file, imatrix }: GivenImportance,
  name: string,
  shape: readonly number[],
): Float32Array | undefined {
  const values = imatrix.entries.get(name)
  const columns = shape.at(-1) ?? 1
  const experts = shape.at(-3) ?? 1
  if (values === undefined || values.length === columns * experts) return values
  if (embeddings.includes(name)) return undefined
  const wanted = experts === 1 ? `${columns}` : `${columns} for each of ${experts} experts`
  throw new MiberaError('IMATRIX_MISMATCH', `${file} has ${values.length} values for ${name}, which needs ${wanted}`, {
    subject: name,
    hint: 'Give the importance matrix of this very model, or leave the tensor out with --exclude-weights.',
  })
}

/** The keys that llama-quantize adds at the end of the metadata, in its order. */
export function importanceMetadata(importance: PlannedImportance): [key: string, value: GgufValue][] {
  const { file, dataset, entries, chunks } = importance
  return [
    ['quantize.imatrix.file', string(recordedText(file))],
    ...(dataset === undefined
      ? []
      : [['quantize.imatrix.dataset', string(recordedText(dataset))] as [string, GgufValue]]),
    ['quantize.imatrix.entries_count', u32(entries)],
    ...(chunks === 0 ? [] : [['quantize.imatrix.chunks_count', u32(chunks)] as [string, GgufValue]]),
  ]
}

/** Up to its first NUL and {@link recordedBytes}, but no half character: GGUF texts are UTF-8. */
function recordedText(text: string): string {
  let kept = ''
  let bytes = 0
  for (const character of text.split('\0')[0] ?? '') {
    bytes += Buffer.byteLength(character)
    if (bytes > recordedBytes) break
    kept += character
  }
  return kept
}
