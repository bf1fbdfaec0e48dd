import type { Stats } from 'node:fs'
import { stat } from 'node:fs/promises'
import { type MiberaError, systemCode } from '../../base/errors.ts'
import { resolveMember } from '../../formats/safetensors/folder-member.ts'
import type { WeightIndex } from '../../formats/safetensors/weight-index.ts'
import type { Companion } from './companions.ts'
import type { PromiseOfFile, ShardPromises } from './shard-promises.ts'

/** How far the download of one shard is. */
export interface ShardProgress {
  readonly name: string
  readonly doneBytes: number
  /** Length that its header promises, once that has come. */
  readonly promisedBytes: number | undefined
  /** Exactly as long as promised, and nothing says that a download is still at it. */
  readonly whole: boolean
  readonly flaw: MiberaError | undefined
}

/** A companion that holds the data of a shard. */
interface Arriving {
  readonly shard: string
  readonly size: number
  readonly promise: PromiseOfFile
}

/** @throws MiberaError IO or PATH_ESCAPES_FOLDER. */
export async function shardProgress(
  folder: string,
  shards: readonly string[],
  companions: readonly Companion[],
  index: WeightIndex | undefined,
  promises: ShardPromises,
): Promise<ShardProgress[]> {
  const arriving = await findArriving(shards, companions, index, promises)
  const disputed = new Set(companions.map(({ target }) => target))
  const progress: ShardProgress[] = []
  for (const name of shards) {
    const coming = arriving.find(({ shard }) => shard === name)
    progress.push(await progressOf(folder, name, coming, disputed.has(name), promises))
  }
  return progress
}

async function progressOf(
  folder: string,
  name: string,
  arriving: Arriving | undefined,
  disputed: boolean,
  promises: ShardPromises,
): Promise<ShardProgress> {
  if (arriving !== undefined) return judge(name, arriving.size, arriving.promise, true)
  const path = await resolveMember(folder, name)
  const stats = path === undefined ? undefined : await statIfThere(path)
  if (path === undefined || stats === undefined) return judge(name, 0, { kind: 'gone' }, disputed)
  // A file that was reserved at full length holds as much as the disk has given it.
  const done = disputed && stats.blocks > 0 ? Math.min(stats.size, stats.blocks * 512) : stats.size
  return judge(name, done, await promises.of(path, name, stats), disputed)
}

function judge(name: string, size: number, promise: PromiseOfFile, disputed: boolean): ShardProgress {
  const promisedBytes = promise.kind === 'read' ? promise.size : undefined
  const flaw = promise.kind === 'malformed' && !disputed ? promise.error : undefined
  return { name, doneBytes: size, promisedBytes, whole: !disputed && size === promisedBytes, flaw }
}

/**
 * Which shard each unfinished file will become: by its name or, as the files in a cache are called by their digest and
 * some browsers invent names, by the first tensor in its header.
 */
async function findArriving(
  shards: readonly string[],
  companions: readonly Companion[],
  index: WeightIndex | undefined,
  promises: ShardPromises,
): Promise<Arriving[]> {
  const arriving: Arriving[] = []
  for (const { path, name, target, holdsData } of companions) {
    const stats = holdsData ? await statIfThere(path) : undefined
    if (stats?.isFile() !== true) continue
    const promise = await promises.of(path, name, stats)
    const firstTensor = promise.kind === 'read' ? promise.firstTensor : undefined
    const byTensor = firstTensor === undefined ? undefined : index?.get(firstTensor)
    const shard = shards.find((shardName) => shardName === target) ?? byTensor
    if (shard !== undefined) arriving.push({ shard, size: stats.size, promise })
  }
  return arriving
}

async function statIfThere(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}
