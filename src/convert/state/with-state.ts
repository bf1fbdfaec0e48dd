import { lockDirectory } from '../../disk/directory-lock.ts'
import { openStateDatabase, type StateDatabase } from './database.ts'

/** Runs `work` as the only process using the state directory. */
export async function withState<T>(directory: string, work: (database: StateDatabase) => Promise<T>): Promise<T> {
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
}
