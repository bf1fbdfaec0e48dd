import { stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { MiberaError } from '../base/errors.ts'
import { listFirst } from '../base/quote.ts'
import { findConversion } from './state/conversions.ts'
import type { StateDatabase } from './state/database.ts'
import { type ReclaimedShard, readReclaimed } from './state/reclaimed-shards.ts'

/**
 * Refuses to give up what was made for `output` while it is all that is left of some sources.
 * @param what is refused, e.g. "cannot begin anew".
 * @throws MiberaError SOURCE_RECLAIMED
 */
export async function refuseWithoutSources(database: StateDatabase, output: string, what: string): Promise<void> {
  const gone = await goneSources(database, output)
  if (gone.length > 0) throw sourceReclaimed(output, gone, what)
}

/** The deleted shards of an unfinished conversion that nobody has put back. */
export async function goneSources(database: StateDatabase, output: string): Promise<ReclaimedShard[]> {
  const conversion = findConversion(database, output)
  if (conversion === undefined || conversion.state === 'done') return []
  const reclaimed = readReclaimed(database, conversion.id)
  const there = await Promise.all(
    reclaimed.map(({ path }) =>
      stat(path).then(
        () => true,
        () => false,
      ),
    ),
  )
  return reclaimed.filter((_, index) => !there[index])
}

export function sourceReclaimed(output: string, gone: readonly ReclaimedShard[], what: string): MiberaError {
  const names = listFirst(
    gone.map(({ path }) => basename(path)),
    3,
  )
  const were = gone.length === 1 ? '1 shard was' : `${gone.length} shards were`
  return new MiberaError(
    'SOURCE_RECLAIMED',
    `${output} ${what}: ${were} deleted as --reclaim-source asked (${names})`,
    {
      subject: output,
      hint: 'Let it go on as it is, or download the deleted shards again first.',
    },
  )
}
