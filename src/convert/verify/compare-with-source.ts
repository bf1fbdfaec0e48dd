import { MiberaError } from '../../base/errors.ts'
import { type LocalFile, openLocalFile } from '../../disk/local-file.ts'
import { rowBytes } from '../../formats/ggml/block-types.ts'
import { type GgufFile, readGguf } from '../../formats/gguf/reader.ts'
import type { ModelInput } from '../../formats/model-input.ts'
import type { ModelDescription } from '../../model/description.ts'
import type { PlannedTensor } from '../../plan/plan.ts'
import { sliceSegments } from '../../plan/slices.ts'
import { asMatrix, tensorSource } from '../../plan/tensor-source.ts'
import { canQuantize, compileKernels, Kernels, needsImportance, usesImportance } from '../../quant/kernels.ts'

/** Rows of each tensor that are quantized again: the first, the last, and others evenly between. */
const rowsPerTensor = 8

export interface SourceVerdict {
  readonly tensors: number
  readonly rows: number
  /** Tensors of a type for which there is no kernel here, or whose blocks were chosen by importances. */
  readonly skipped: readonly string[]
}

/**
 * Quantizes a sample of rows of every tensor again, from the source and to the type that the file has, and compares
 * the bytes. Also works for files that llama.cpp made of the same source.
 * @throws MiberaError VERIFICATION_FAILED naming the first tensor and row that differ.
 */
export async function compareWithSource(
  paths: readonly string[],
  input: ModelInput,
  model: ModelDescription,
  onTensor: () => void,
): Promise<SourceVerdict> {
  const files = await Promise.all(paths.map(openLocalFile))
  const shards = await Promise.all(input.shards.map((shard) => openLocalFile(shard.path)))
  try {
    const stored = await Promise.all(files.map(readGguf))
    // The matrix is not at hand: blocks that were chosen by it cannot be made again.
    const guided = stored.some(({ metadata }) => metadata.has('quantize.imatrix.file'))
    const tensors = storedTensors(stored, files, input, model)
    const kernels = compileKernels()
    const skipped: string[] = []
    let rows = 0
    for (const tensor of tensors) {
      if (canCompare(tensor, guided)) rows += await compareTensor(new Kernels(kernels), files, shards, tensor)
      else skipped.push(tensor.name)
      onTensor()
    }
    return { tensors: tensors.length, rows, skipped }
  } finally {
    await Promise.all([...files, ...shards].map((opened) => opened.close()))
  }
}

/** The tensors of the files, each joined with where the model's description finds its rows. */
function storedTensors(
  ggufs: readonly GgufFile[],
  files: readonly LocalFile[],
  input: ModelInput,
  model: ModelDescription,
): PlannedTensor[] {
  const read = ggufs.map(({ tensors }, file) => tensors.map((tensor) => ({ ...tensor, file })))
  const stored = new Map(read.flat().map((tensor) => [tensor.name, tensor]))
  const tensors = model.tensors.map((mapping): PlannedTensor => {
    const tensor = stored.get(mapping.name)
    if (tensor === undefined) throw failed(files[0], `${mapping.name} is missing`)
    stored.delete(mapping.name)
    if (tensor.shape.join() !== mapping.shape.join()) {
      throw failed(
        files[tensor.file],
        `${mapping.name} is [${tensor.shape.join(', ')}], the source says [${mapping.shape.join(', ')}]`,
      )
    }
    const { type, file, offset, byteLength } = tensor
    const source = tensorSource(mapping, input)
    return {
      ...mapping,
      ...asMatrix(mapping.shape),
      type,
      offset,
      byteLength,
      source,
      reason: 'as stored',
      fallback: undefined,
      file,
    }
  })
  const [extra] = stored.keys()
  if (extra !== undefined) throw failed(files[0], `${extra} is not in the source`)
  return tensors
}

/** What is copied needs no kernel. */
function canCompare({ type, source }: PlannedTensor, guided: boolean): boolean {
  if (source.kind === 'rows' && source.dtype === type) return true
  return canQuantize(type) && !needsImportance(type) && !(guided && usesImportance(type))
}

/** @returns how many rows were compared. */
async function compareTensor(
  kernels: Kernels,
  files: readonly LocalFile[],
  shards: readonly LocalFile[],
  tensor: PlannedTensor,
): Promise<number> {
  const file = files[tensor.file]
  const bytes = rowBytes(tensor.type, tensor.columns)
  const { columns } = tensor
  const at = {
    source: kernels.reserve(sourceRowBytes(tensor)),
    floats: kernels.reserve(columns * 4),
    blocks: kernels.reserve(bytes),
  }
  const stored = new Uint8Array(bytes)
  const rows = sampleRows(tensor.rows)
  for (const row of rows) {
    await readRow(kernels, shards, tensor, row, at)
    const copied = tensor.source.kind === 'rows' && tensor.source.dtype === tensor.type
    if (!copied) kernels.quantize(tensor.type, at.floats, at.blocks, columns)
    await file?.read(stored, tensor.offset + row * bytes)
    const expected = new Uint8Array(kernels.memory.buffer, copied ? at.source : at.blocks, bytes)
    if (Buffer.compare(stored, expected) !== 0) {
      throw failed(file, `row ${row} of ${tensor.name} has not the ${tensor.type} bytes that the source gives`)
    }
  }
  return rows.length
}

function sourceRowBytes({ source, columns }: PlannedTensor): number {
  return source.kind === 'rows' ? rowBytes(source.dtype, columns) : 0
}

async function readRow(
  kernels: Kernels,
  shards: readonly LocalFile[],
  tensor: PlannedTensor,
  row: number,
  at: { readonly source: number; readonly floats: number },
): Promise<void> {
  const { buffer } = kernels.memory
  const { columns, source } = tensor
  if (source.kind === 'values') {
    new Float32Array(buffer, at.floats, columns).set(source.values)
    return
  }
  const [segment] = sliceSegments(tensor, { firstRow: row, rows: 1 })
  if (segment === undefined) throw new RangeError(`${tensor.name} has no row ${row}`)
  const bytes = new Uint8Array(buffer, at.source, rowBytes(source.dtype, columns))
  await shards[segment.source]?.read(bytes, segment.offset)
  if (source.dtype !== tensor.type) kernels.dequantize(source.dtype, at.source, at.floats, columns)
}

function sampleRows(rows: number): number[] {
  const count = Math.min(rows, rowsPerTensor)
  const step = count > 1 ? (rows - 1) / (count - 1) : 0
  return Array.from({ length: count }, (_, index) => Math.round(index * step))
}

function failed(file: LocalFile | undefined, what: string): MiberaError {
  return new MiberaError('VERIFICATION_FAILED', `${file?.name}: ${what}`, {
    subject: file?.name,
    hint: 'Either the file was made of another model, or it was damaged. Convert it again to be sure.',
  })
}
