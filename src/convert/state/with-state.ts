import type { StateDatabase } from './database.ts'
import { explainStateError } from './explain-state-error.ts'
import { openState } from './open-state.ts'

/**
 * Runs `work` as the only process using the state directory.
 * @throws MiberaError STATE_IN_USE, STATE_NEWER, STATE_DAMAGED, DISK_FULL or IO for trouble with the directory at any
 * time; and whatever `work` throws.
 */
export async function withState<T>(directory: string, work: (database: StateDatabase) => Promise<T>): Promise<T> {
  const state = openState(directory)
  try {
    return await work(state.database)
  } catch (error) {
    throw explainStateError(error, directory)
  } finally {
    state.close()
  }
}
