import type { Stats } from 'node:fs'
import { MiberaError } from '../../base/errors.ts'
import { openIfThere } from '../../disk/local-file.ts'
import { readShardPromise } from '../../formats/safetensors/header.ts'

/** What is known of a shard file from its header. */
export type PromiseOfFile =
  | { readonly kind: 'read'; readonly size: number; readonly firstTensor: string | undefined }
  /** The header itself has not come yet. */
  | { readonly kind: 'unknown' }
  /** It is gone since it was listed. */
  | { readonly kind: 'gone' }
  | { readonly kind: 'malformed'; readonly error: MiberaError }

/** Reads what headers promise, again only when a file has changed. For the files of one model folder. */
export class ShardPromises {
  readonly #known = new Map<string, { readonly mark: string; readonly promise: PromiseOfFile }>()

  /** @throws MiberaError IO. */
  async of(path: string, name: string, stats: Stats): Promise<PromiseOfFile> {
    const mark = `${stats.ino} ${stats.size} ${stats.mtimeMs}`
    const known = this.#known.get(path)
    if (known?.mark === mark) return known.promise
    const promise = await readPromise(path, name)
    this.#known.set(path, { mark, promise })
    return promise
  }
}

async function readPromise(path: string, name: string): Promise<PromiseOfFile> {
  try {
    const file = await openIfThere(path)
    if (file === undefined) return { kind: 'gone' }
    try {
      const { size, tensors } = await readShardPromise(file, name)
      return { kind: 'read', size, firstTensor: tensors[0]?.name }
    } finally {
      await file.close()
    }
  } catch (error) {
    if (!(error instanceof MiberaError)) throw error
    if (error.code === 'SHARD_TRUNCATED') return { kind: 'unknown' }
    if (error.code === 'IO') throw error
    return { kind: 'malformed', error }
  }
}
