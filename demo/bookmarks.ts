import { join } from 'node:path'
import { databaseFileName } from '#dist/convert/state/database.js'
import { Database } from '#dist/disk/sqlite.js'

/** Slices that the state directory holds to be durable in the unfinished `output`. Only reads. */
export function countBookmarks(stateDirectory: string, output: string): number {
  const database = new Database(join(stateDirectory, databaseFileName), { readonly: true, fileMustExist: true })
  try {
    return database
      .prepare<[string], number>(
        'SELECT count(*) FROM bookmark JOIN conversion ON bookmark.conversion = conversion.id WHERE output = ?',
      )
      .pluck()
      .get(output) as number
  } finally {
    database.close()
  }
}
