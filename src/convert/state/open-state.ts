import { explainSystemError } from '../../base/system-error.ts'
import { lockDirectory } from '../../disk/directory-lock.ts'
import { openStateDatabase, type StateDatabase } from './database.ts'
import { explainStateError } from './explain-state-error.ts'

/** A state directory in the hands of this process alone. */
export interface OpenState {
  readonly database: StateDatabase
  /** Gives it back. Safe to call twice. */
  close(): void
}

/**
 * Takes a state directory for as long as the caller likes.
 * @throws MiberaError STATE_IN_USE, STATE_NEWER, STATE_DAMAGED, DISK_FULL or IO.
 */
export function openState(directory: string): OpenState {
  try {
    const lock = lockDirectory(directory)
    try {
      const database = openStateDatabase(directory)
      return {
        database,
        close() {
          database.close()
          lock.release()
        },
      }
    } catch (error) {
      lock.release()
      throw error
    }
  } catch (error) {
    throw explainSystemError(explainStateError(error, directory))
  }
}
