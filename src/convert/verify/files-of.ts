import { dirname, join } from 'node:path'
import { openLocalFile } from '../../disk/local-file.ts'
import { openGguf } from '../../formats/gguf/open-gguf.ts'
import { readGguf } from '../../formats/gguf/reader.ts'
import { splitPlace } from '../../formats/gguf/split.ts'

/**
 * The files that are verified when `path` is named: all of a split whose first file it is, otherwise that file alone.
 * @throws MiberaError GGUF_MALFORMED, SHARDS_MISSING, as {@link openGguf}.
 */
export async function filesOf(path: string): Promise<[string, ...string[]]> {
  if (!(await beginsSplit(path))) return [path]
  const { shards } = await openGguf(path)
  return [path, ...shards.slice(1).map(({ name }) => join(dirname(path), name))]
}

async function beginsSplit(path: string): Promise<boolean> {
  const file = await openLocalFile(path)
  try {
    return splitPlace((await readGguf(file)).metadata)?.number === 0
  } finally {
    await file.close()
  }
}
