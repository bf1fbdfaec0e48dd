import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type BetterSqlite3 from 'better-sqlite3'
import { Database } from '../../disk/sqlite.ts'
import { explainStateError } from './explain-state-error.ts'
import { migrate } from './migrate.ts'

export type StateDatabase = BetterSqlite3.Database

export const databaseFileName = 'mibera.db'

/**
 * Opens the bookmarks of a state directory, creating or migrating them as needed.
 *
 * Durability: `synchronous = FULL`, so a commit is on disk when it returns. A bookmark follows a sync of the output,
 * one commit every couple of seconds, so this costs nothing, and after a power loss no more than one batch is redone.
 *
 * @throws MiberaError STATE_NEWER for a database of a later release, STATE_DAMAGED for one that cannot be read, DISK_FULL, IO.
 */
export function openStateDatabase(directory: string): StateDatabase {
  mkdirSync(directory, { recursive: true })
  const path = join(directory, databaseFileName)
  let database: StateDatabase | undefined
  try {
    database = new Database(path)
    database.pragma('journal_mode = WAL')
    database.pragma('synchronous = FULL')
    database.pragma('foreign_keys = ON')
    // The write-ahead log is folded back early: the state directory stays below a few megabytes.
    database.pragma('wal_autocheckpoint = 256')
    migrate(database)
    return database
  } catch (cause) {
    database?.close()
    throw explainStateError(cause, path)
  }
}
