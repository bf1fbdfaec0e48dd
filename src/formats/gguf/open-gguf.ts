import { realpath } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { MiberaError, systemCode } from '../../base/errors.ts'
import { mapLimited } from '../../base/map-limited.ts'
import { listFirst, quote } from '../../base/quote.ts'
import { openLocalFile } from '../../disk/local-file.ts'
import type { GgmlType } from '../ggml/block-types.ts'
import type { ModelInput, SourceFile, SourceTensor } from '../model-input.ts'
import { alignmentKey, defaultAlignment } from './format.ts'
import { ggufHeaderDigest } from './header-digest.ts'
import { maxAlignment } from './limits.ts'
import { type GgufFile, readGguf } from './reader.ts'
import { maxSplits, splitName, splitPlace, splitStem } from './split.ts'
import type { GgufMetadata } from './values.ts'

/** A model in one GGUF, or in several. */
export interface GgufModel extends ModelInput {
  readonly tensors: ReadonlyMap<string, GgufTensor>
  /** Of the first file, which has all of it. */
  readonly metadata: GgufMetadata
}

export interface GgufTensor extends SourceTensor {
  readonly dtype: GgmlType
}

/** Files whose headers are read at a time. */
const headersAtATime = 4

type OpenedFile = SourceFile & Pick<GgufFile, 'metadata' | 'tensors'>

/**
 * Opens a GGUF, or the first of several that make up one model, whose others stand beside it. Reads the headers,
 * nothing more; nothing stays open. Tensors are in the order of files and headers.
 * @throws MiberaError GGUF_MALFORMED; SHARDS_MISSING; TENSOR_UNEXPECTED for a tensor that stands in two files; USAGE for
 *   a file of several that is not the first; IO.
 */
export async function openGguf(path: string): Promise<GgufModel> {
  const given = resolve(path)
  const first = await openFile(given)
  const files = [first, ...(await openOthers(given, first))]
  return {
    path: given,
    shards: files.map(({ name, path, size, modifiedMs, headerSha256 }) => ({
      ...{ name, path, size, modifiedMs, headerSha256 },
    })),
    tensors: collectTensors(files),
    metadata: first.metadata,
  }
}

async function openFile(path: string): Promise<OpenedFile> {
  const file = await openLocalFile(path)
  try {
    const { metadata, tensors, dataStart } = await readGguf(file)
    const alignment = metadata.get(alignmentKey)?.value ?? defaultAlignment
    if (Number(alignment) > maxAlignment) throw malformed(path, `its tensors are aligned to ${alignment} bytes`)
    return {
      name: basename(path),
      path: await realpath(path),
      size: file.size,
      modifiedMs: file.modifiedMs,
      headerSha256: await ggufHeaderDigest(file, dataStart),
      metadata,
      tensors,
    }
  } finally {
    await file.close()
  }
}

async function openOthers(path: string, first: OpenedFile): Promise<OpenedFile[]> {
  const place = splitPlace(first.metadata)
  if (place === undefined) return []
  const { number, count, tensors } = place
  if (count > maxSplits) throw malformed(path, `it is one of ${count} files; ${maxSplits} are possible`)
  if (number !== 0) throw notTheFirst(path, number, count)
  const stem = splitStem(path, count)
  if (stem === undefined) {
    throw malformed(
      path,
      `it is the first of ${count} files, but is not called ${splitName('NAME', 0, count)}: the others cannot be found`,
      'Give the files the names back under which they were published.',
    )
  }
  const names = Array.from({ length: count - 1 }, (_, index) => splitName(stem, index + 1, count))
  const others = await openAll(path, names, count)
  const found = [first, ...others].reduce((sum, file) => sum + file.tensors.length, 0)
  if (tensors !== undefined && tensors !== found) {
    throw malformed(path, `it says that its ${count} files have ${tensors} tensors together, they have ${found}`)
  }
  return others
}

async function openAll(first: string, names: readonly string[], count: number): Promise<OpenedFile[]> {
  const missing: string[] = []
  const opened = await mapLimited(names, headersAtATime, async (name, index) => {
    const path = join(dirname(first), name)
    if (!(await exists(path))) {
      missing.push(name)
      return undefined
    }
    const file = await openFile(path)
    const place = splitPlace(file.metadata)
    // Of the others the metadata is nobody's: there may be many of them.
    if (place?.number === index + 1 && place.count === count) return { ...file, metadata: new Map() }
    const says = place === undefined ? 'to be a file of its own' : `to be file ${place.number + 1} of ${place.count}`
    throw malformed(path, `by its name it is file ${index + 2} of ${count}, but it says ${says}`)
  })
  if (missing.length > 0) throw filesMissing(first, missing.toSorted(), count)
  return opened.filter((file) => file !== undefined)
}

async function exists(path: string): Promise<boolean> {
  try {
    await realpath(path)
    return true
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false
    throw error
  }
}

function collectTensors(files: readonly OpenedFile[]): Map<string, GgufTensor> {
  const collected = new Map<string, GgufTensor>()
  for (const [shard, { name: fileName, path, tensors }] of files.entries()) {
    for (const { name, type, shape, offset, byteLength } of tensors) {
      const other = collected.get(name)
      if (other !== undefined) {
        throw new MiberaError(
          'TENSOR_UNEXPECTED',
          `tensor ${quote(name)} is both in ${files[other.shard]?.name} and in ${fileName}`,
          { subject: path, hint: 'The files are of two models or two releases: keep those of one only.' },
        )
      }
      collected.set(name, { name, dtype: type, shape, shard, offset, byteLength })
    }
  }
  return collected
}

function notTheFirst(path: string, number: number, count: number): MiberaError {
  return new MiberaError('USAGE', `${path} is file ${number + 1} of ${count} that make up one model`, {
    subject: path,
    hint: `Give the first of them, whose name ends in ${splitName('', 0, count)}: the others are found by it.`,
  })
}

function filesMissing(first: string, missing: readonly string[], count: number): MiberaError {
  const verb = missing.length === 1 ? 'is' : 'are'
  const list = listFirst(missing, 10)
  return new MiberaError('SHARDS_MISSING', `${missing.length} of ${count} files ${verb} missing: ${list}`, {
    subject: first,
    hint: `Download the missing files into ${dirname(first)}; where a download is under way, let it finish.`,
  })
}

function malformed(path: string, what: string, hint = 'Download the files of this model again.'): MiberaError {
  return new MiberaError('GGUF_MALFORMED', `${path} cannot be read as a model: ${what}`, { subject: path, hint })
}
