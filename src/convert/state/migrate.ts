import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type Database from 'better-sqlite3'
import { MiberaError } from '../../base/errors.ts'

const migrationsFolder = new URL('../../../migrations/', import.meta.url)

interface Migration {
  readonly number: number
  readonly file: string
}

/**
 * Brings a database to this release's schema. Each migration runs in one transaction together with its number in
 * `user_version`, so that a crash leaves either all of it or none. Released migrations are frozen.
 *
 * @throws MiberaError STATE_NEWER when a later release has already migrated it further.
 */
export function migrate(database: Database.Database): void {
  const migrations = listMigrations()
  const latest = migrations.at(-1)?.number ?? 0
  if (schemaVersion(database) > latest) {
    throw new MiberaError(
      'STATE_NEWER',
      `the bookmarks ${database.name} have schema ${schemaVersion(database)}, this release knows up to ${latest}`,
      { subject: database.name, hint: 'Update mibera, or name another --state-dir.' },
    )
  }
  for (const migration of migrations) applyMigration(database, migration)
}

function applyMigration(database: Database.Database, { number, file }: Migration): void {
  database
    .transaction(() => {
      // Read inside the transaction: another process may have migrated while this one waited for the lock.
      if (schemaVersion(database) >= number) return
      database.exec(readFileSync(new URL(file, migrationsFolder), 'utf8'))
      database.pragma(`user_version = ${number}`)
    })
    .immediate()
}

function schemaVersion(database: Database.Database): number {
  return Number(database.pragma('user_version', { simple: true }))
}

function listMigrations(): Migration[] {
  return readdirSync(fileURLToPath(migrationsFolder))
    .filter((file) => /^\d{4}_.+\.sql$/.test(file))
    .sort()
    .map((file) => ({ number: Number(file.slice(0, 4)), file }))
}
