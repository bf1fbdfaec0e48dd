import type { MadeSlice } from '../protocol.ts'
import type { SliceId } from '../slice-id.ts'
import type { StateDatabase } from './database.ts'

/** A slice that is done: which, the checksum of its blocks, and what was measured while it was made. */
export interface Bookmark extends SliceId, MadeSlice {}

/** Records slices whose blocks are durable. One transaction: all or none. */
export function writeBookmarks(database: StateDatabase, conversion: number, bookmarks: readonly Bookmark[]): void {
  const insert = database.prepare(
    `INSERT OR REPLACE INTO bookmark (conversion, tensor, slice, checksum, squared_error, energy, compared, milliseconds)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  database
    .transaction(() => {
      for (const { tensor, slice, checksum, squaredError, energy, compared, milliseconds } of bookmarks) {
        insert.run(conversion, tensor, slice, checksum, squaredError, energy, compared, milliseconds)
      }
    })
    .immediate()
}

export function readBookmarks(database: StateDatabase, conversion: number): Bookmark[] {
  return database
    .prepare<[number], Bookmark>(
      `SELECT tensor, slice, checksum, squared_error AS squaredError, energy, compared, milliseconds
       FROM bookmark WHERE conversion = ? ORDER BY tensor, slice`,
    )
    .all(conversion)
}

/** Takes back bookmarks whose blocks were not found in the file as recorded. */
export function dropBookmarks(
  database: StateDatabase,
  conversion: number,
  slices: readonly Pick<Bookmark, 'tensor' | 'slice'>[],
): void {
  const remove = database.prepare('DELETE FROM bookmark WHERE conversion = ? AND tensor = ? AND slice = ?')
  database
    .transaction(() => {
      for (const { tensor, slice } of slices) remove.run(conversion, tensor, slice)
    })
    .immediate()
}

/** Bookmarks by their tensor's position in the plan, each group in the order given. */
export function bookmarksByTensor(bookmarks: readonly Bookmark[]): ReadonlyMap<number, readonly Bookmark[]> {
  const groups = new Map<number, Bookmark[]>()
  for (const bookmark of bookmarks) {
    const group = groups.get(bookmark.tensor)
    if (group === undefined) groups.set(bookmark.tensor, [bookmark])
    else group.push(bookmark)
  }
  return groups
}
