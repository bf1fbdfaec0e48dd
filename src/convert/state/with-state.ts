import { lockDirectory } from '../../disk/directory-lock.ts'
import { openStateDatabase, type StateDatabase } from './database.ts'
import { explainStateError } from './explain-state-error.ts'

/**
 * Runs `work` as the only process using the state directory.
 * @throws MiberaError STATE_IN_USE, STATE_NEWER, STATE_DAMAGED, DISK_FULL or IO for trouble with the directory at any
 * time; and whatever `work` throws.
 */
export async function withState<T>(directory: string, work: (database: StateDatabase) => Promise<T>): Promise<T> {
  try {
    const lock = lockDirectory(directory)
    try {
      const database = openStateDatabase(directory)
      try {
        return await work(database)
      } finally {
        database.close()
      }
    } finally {
      lock.release()
    }
  } catch (error) {
    throw explainStateError(error, directory)
  }
}
