import { createHash, type Hash } from 'node:crypto'
import { MiberaError } from '../../base/errors.ts'
import { openLocalFile } from '../../disk/local-file.ts'
import type { ModelFolder, Shard } from '../../formats/safetensors/model-folder.ts'
import { openModelFolder } from '../../formats/safetensors/open-folder.ts'
import type { TensorEntry } from '../../formats/safetensors/tensor-entry.ts'
import { readTokenizerText } from '../../model/tokenizer/tokenizer-file.ts'
import { describingFiles } from './describing-files.ts'

/** Bytes read of a tensor: a page of every usual file system. */
const sampleBytes = 4096

/** Most tensors sampled of one shard, evenly spread; only shards of mixture-of-experts models have more. */
const maxSamples = 2048

/**
 * SHA-256 (hex) of what a complete model folder holds: name, size and header of each shard, a sample of its data, and
 * the files that describe model and tokenizer. Times and places do not count: the same bytes downloaded again, moved
 * or renamed as a folder are the same content.
 *
 * A sample, because reading 60 GB through would take minutes of a disk that the conversion itself reads right after.
 * Fine-tuned models share names, sizes and headers and differ in nearly every weight of the tensors that were trained,
 * so a page out of the middle of every tensor tells them apart. A change of single weights goes unseen; it would make
 * the daemon skip a conversion, which a person can still ask for, and never a wrong one.
 *
 * @throws MiberaError what {@link openModelFolder} throws; CONFIG_MALFORMED or TOKENIZER_MALFORMED for a description
 * that is not JSON, as when half of it has come.
 */
export async function contentDigest(path: string): Promise<string> {
  const folder = await openModelFolder(path)
  const hash = createHash('sha256')
  for (const [position, shard] of folder.shards.entries()) {
    hash.update(`${JSON.stringify([shard.name, shard.size, shard.headerSha256])}\n`)
    await sampleShard(hash, shard, tensorsOf(folder, position))
  }
  for (const name of describingFiles) {
    const text = await readDescription(folder.path, name)
    if (text !== undefined) hash.update(`${JSON.stringify([name, text.length])}\n${text}\n`)
  }
  return hash.digest('hex')
}

function tensorsOf(folder: ModelFolder, shard: number): TensorEntry[] {
  const tensors = [...folder.tensors.values()].filter((tensor) => tensor.shard === shard)
  const step = Math.max(1, tensors.length / maxSamples)
  return Array.from({ length: Math.min(tensors.length, maxSamples) }, (_, index) => {
    return tensors[Math.floor(index * step)] as TensorEntry
  })
}

async function sampleShard(hash: Hash, shard: Shard, tensors: readonly TensorEntry[]): Promise<void> {
  const file = await openLocalFile(shard.path)
  try {
    for (const { offset, byteLength } of tensors) {
      const sample = new Uint8Array(Math.min(byteLength, sampleBytes))
      await file.read(sample, offset + Math.floor((byteLength - sample.length) / 2))
      hash.update(sample)
    }
  } finally {
    await file.close()
  }
}

async function readDescription(folder: string, name: string): Promise<string | undefined> {
  if (name.endsWith('.model')) return undefined
  const text = await readTokenizerText(folder, name)
  // Some published models have a broken one, and conversions do without it.
  if (text === undefined || !name.endsWith('.json') || name === 'generation_config.json') return text
  try {
    JSON.parse(text.replace(/^\uFEFF/, ''))
    return text
  } catch (cause) {
    const code = name === 'config.json' ? 'CONFIG_MALFORMED' : 'TOKENIZER_MALFORMED'
    throw new MiberaError(code, `${name} is not JSON, or not all of it is there`, {
      subject: folder,
      hint: 'Let the download finish, or download the file again.',
      cause,
    })
  }
}
