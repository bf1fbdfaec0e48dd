import type { Plan } from '../../plan/plan.ts'
import type { StateDatabase } from './database.ts'

/** A source that was deleted because its owner asked for that, all of it being in the output. */
export interface ReclaimedShard {
  /** Position in the plan's sources. */
  readonly source: number
  readonly path: string
  readonly size: number
}

/** To be called before the file is deleted: a deletion without a record could not be told from a loss. */
export function recordReclaimed(database: StateDatabase, conversion: number, plan: Plan, source: number): void {
  const { path, size } = plan.sources[source] ?? { path: '', size: 0 }
  database
    .prepare('INSERT OR IGNORE INTO reclaimed_shard (conversion, source, path, size, at_ms) VALUES (?, ?, ?, ?, ?)')
    .run(conversion, source, path, size, Date.now())
}

export function readReclaimed(database: StateDatabase, conversion: number): ReclaimedShard[] {
  return database
    .prepare<[number], ReclaimedShard>(
      'SELECT source, path, size FROM reclaimed_shard WHERE conversion = ? ORDER BY source',
    )
    .all(conversion)
}
