import { join } from 'node:path'
import { MiberaError } from '../../base/errors.ts'
import { mapLimited } from '../../base/map-limited.ts'
import { listFirst, quote, quoteIfOdd } from '../../base/quote.ts'
import { openLocalFile } from '../../disk/local-file.ts'
import type { ShardTensor } from './data-laws.ts'
import { findShards, maxShards } from './find-shards.ts'
import { resolveMember } from './folder-member.ts'
import { readShardHeader } from './header.ts'
import { checkIndexAgreement } from './index-agreement.ts'
import { locateFolder } from './locate-folder.ts'
import type { ModelFolder, Shard } from './model-folder.ts'
import type { TensorEntry } from './tensor-entry.ts'
import { indexFile, readWeightIndex, type WeightIndex } from './weight-index.ts'

/** Headers read at a time: enough to hide a slow disk's latency, few enough that their memory does not add up. */
const headersAtATime = 4

/** Missing shards that the message names. */
const shownMissing = 10

interface OpenedShard extends Shard {
  readonly tensors: readonly ShardTensor[]
}

/**
 * Opens a folder of safetensors: one file, shards with an index, or shards without; a plain folder, a snapshot of a
 * Hugging Face cache, or the cache's `models--NAME` folder itself. Reads the headers, nothing more, and checks all
 * laws of the format; nothing stays open. Shards are in the order of their names.
 *
 * @throws MiberaError MODEL_FOLDER_MISSING, NO_SAFETENSORS, SHARDS_MISSING, PATH_ESCAPES_FOLDER, INDEX_MALFORMED,
 * INDEX_MISMATCH, TENSOR_UNEXPECTED (a tensor in two shards), IO, or what {@link readShardHeader} throws.
 */
export async function openModelFolder(path: string): Promise<ModelFolder> {
  const folder = await locateFolder(path)
  const indexPath = await resolveMember(folder, indexFile)
  const index = indexPath === undefined ? undefined : await readWeightIndex(indexPath)
  const names = index === undefined ? await findShards(folder) : shardsOf(index, folder)
  const paths = await resolveShards(folder, names)
  const opened = await mapLimited(paths, headersAtATime, ([name, shardPath]) => openShard(name, shardPath))
  const tensors = collectTensors(opened)
  const shards = opened.map(({ tensors: _, ...shard }) => shard)
  if (index !== undefined) checkIndexAgreement(index, shards, tensors, join(folder, indexFile))
  return { path: folder, shards, tensors }
}

function shardsOf(index: WeightIndex, folder: string): string[] {
  const names = [...new Set(index.values())].toSorted()
  const foreign = names.find((name) => !name.endsWith('.safetensors'))
  if (foreign !== undefined) throw indexNames(`${quote(foreign)}, not a *.safetensors file`, folder)
  if (names.length > maxShards) throw indexNames(`${names.length} shards, the limit is ${maxShards}`, folder)
  return names
}

function indexNames(what: string, folder: string): MiberaError {
  return new MiberaError('INDEX_MALFORMED', `the index ${indexFile} names ${what}`, {
    subject: join(folder, indexFile),
    hint: 'Download the index again.',
  })
}

/** Name and resolved path of each shard. */
async function resolveShards(folder: string, names: readonly string[]): Promise<[string, string][]> {
  const found: [string, string][] = []
  const missing: string[] = []
  for (const name of names) {
    const path = await resolveMember(folder, name)
    if (path === undefined) missing.push(name)
    else found.push([name, path])
  }
  if (missing.length === 0) return found
  const list = listFirst(missing.map(quoteIfOdd), shownMissing)
  const verb = missing.length === 1 ? 'is' : 'are'
  throw new MiberaError('SHARDS_MISSING', `${missing.length} of ${names.length} shards ${verb} missing: ${list}`, {
    subject: folder,
    hint: `Download the missing shards into ${folder}; where a download is under way, let it finish.`,
  })
}

async function openShard(name: string, path: string): Promise<OpenedShard> {
  const file = await openLocalFile(path)
  try {
    const { tensors, sha256 } = await readShardHeader(file, name)
    return { name, path, size: file.size, modifiedMs: file.modifiedMs, headerSha256: sha256, tensors }
  } finally {
    await file.close()
  }
}

function collectTensors(shards: readonly OpenedShard[]): Map<string, TensorEntry> {
  const collected = new Map<string, TensorEntry>()
  for (const [shard, { name, path, tensors }] of shards.entries()) {
    for (const tensor of tensors) {
      const other = collected.get(tensor.name)
      if (other !== undefined) throw inTwoShards(tensor.name, shards[other.shard]?.name, name, path)
      collected.set(tensor.name, { ...tensor, shard })
    }
  }
  return collected
}

function inTwoShards(tensor: string, first: string | undefined, second: string, path: string): MiberaError {
  return new MiberaError('TENSOR_UNEXPECTED', `tensor ${quote(tensor)} is both in ${first} and in ${second}`, {
    subject: path,
    hint: 'The folder mixes files of two models or two downloads: keep the files of one only.',
  })
}
