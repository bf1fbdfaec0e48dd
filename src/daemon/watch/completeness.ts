import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { MiberaError, systemCode } from '../../base/errors.ts'
import { explainSystemError } from '../../base/system-error.ts'
import { shardsAmong } from '../../formats/safetensors/find-shards.ts'
import { resolveMember } from '../../formats/safetensors/folder-member.ts'
import { locateFolder } from '../../formats/safetensors/locate-folder.ts'
import {
  indexFile,
  readIndexTotalSize,
  readWeightIndex,
  type WeightIndex,
} from '../../formats/safetensors/weight-index.ts'
import { type Companion, findCompanions } from './companions.ts'
import { describeProgress } from './describe-progress.ts'
import { describingFiles, missingDescription } from './describing-files.ts'
import { type ShardProgress, shardProgress } from './shard-progress.ts'
import { ShardPromises } from './shard-promises.ts'

/** How far the download of a model folder is, as the folder itself shows it at one moment. */
export interface Completeness {
  /** All that a conversion needs is there, and nothing says that a download is still at it. */
  readonly whole: boolean
  /** For a person: "11 of 13 shards, model-00012 at 61 %". */
  readonly reason: string
  /** Bytes of shards. */
  readonly doneBytes: number
  /** Bytes that all shards will have; an estimate while some headers have not come; unknown without an index too. */
  readonly totalBytes: number | undefined
  /** Names, sizes and times of all files concerned: two equal ones mean that nothing has changed in between. */
  readonly signature: string
  /** Something that more bytes cannot help, unless the file is still being written. */
  readonly flaw: MiberaError | undefined
}

/**
 * Examines a model folder, of which it reads no more than the headers.
 *
 * @param path a model folder, or `models--NAME` of a Hugging Face cache
 * @param promises keep it for the next examination of the same folder: unchanged headers are not read again
 * @throws MiberaError MODEL_FOLDER_MISSING, PATH_ESCAPES_FOLDER or IO.
 */
export async function examineFolder(path: string, promises = new ShardPromises()): Promise<Completeness> {
  try {
    return await examine(await locateFolder(path), promises)
  } catch (error) {
    throw explainSystemError(error)
  }
}

async function examine(folder: string, promises: ShardPromises): Promise<Completeness> {
  const names = (await readdir(folder)).toSorted()
  const companions = await findCompanions(folder, names)
  const signature = await sign(folder, names, companions)
  const { index, totalSize, flaw } = await readIndex(folder)
  const shardNames = index === undefined ? shardsAmong(targets(names, companions)) : shardsOf(index)
  const shards = await shardProgress(folder, shardNames, companions, index, promises)
  const missing = missingDescription(names)
  const flaws = [flaw, ...shards.map((shard) => shard.flaw)].filter((found) => found !== undefined)
  const ready = shards.length > 0 && shards.every(({ whole }) => whole)
  return {
    whole: ready && flaws.length === 0 && companions.length === 0 && missing === undefined,
    reason: describeProgress({ shards, companions, missing, flaw: flaws[0] }),
    doneBytes: sum(shards.map(({ doneBytes }) => doneBytes)),
    totalBytes: totalBytes(shards, totalSize),
    signature,
    flaw: flaws[0],
  }
}

/** The names of what is there and of what is on its way. */
function targets(names: readonly string[], companions: readonly Companion[]): string[] {
  const coming = companions.flatMap(({ target }) => (target === undefined ? [] : [target]))
  return [...new Set([...names, ...coming])]
}

function shardsOf(index: WeightIndex): string[] {
  return [...new Set(index.values())].toSorted()
}

interface Index {
  readonly index?: WeightIndex
  readonly totalSize?: number | undefined
  readonly flaw?: MiberaError
}

async function readIndex(folder: string): Promise<Index> {
  const path = await resolveMember(folder, indexFile)
  if (path === undefined) return {}
  try {
    return { index: await readWeightIndex(path), totalSize: await readIndexTotalSize(path) }
  } catch (error) {
    if (error instanceof MiberaError && error.code === 'INDEX_MALFORMED') return { flaw: error }
    throw error
  }
}

function totalBytes(shards: readonly ShardProgress[], totalSize: number | undefined): number | undefined {
  const known = shards.flatMap(({ promisedBytes }) => promisedBytes ?? [])
  if (shards.length > 0 && known.length === shards.length) return sum(known)
  if (totalSize === undefined) return undefined
  return Math.max(totalSize, sum(known), sum(shards.map(({ doneBytes }) => doneBytes)))
}

/** A file that goes while it is looked at counts as not there: the next look will see it gone. */
async function sign(folder: string, names: readonly string[], companions: readonly Companion[]): Promise<string> {
  const relevant = names.filter((name) => name.endsWith('.safetensors') || describingFiles.includes(name))
  const paths = [...[...relevant, indexFile].map((name) => join(folder, name)), ...companions.map(({ path }) => path)]
  const marks = await Promise.all(paths.map(async (path) => `${path} ${await mark(path)}`))
  return marks.join('\n')
}

async function mark(path: string): Promise<string> {
  try {
    const { ino, size, mtimeMs } = await stat(path)
    return `${ino} ${size} ${mtimeMs}`
  } catch (error) {
    return systemCode(error) ?? 'unknown'
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
