import fs from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { pathToFileURL } from 'node:url'
import type BetterSqlite3 from 'better-sqlite3'
import { Database } from '#dist/disk/sqlite.js'
import { mainScript } from '../helpers/command-line.ts'
import type { Moment } from './moments.ts'

/**
 * `mibera` in a process that dies of SIGKILL at one exact moment, named by the environment's DIE_AT. It stands between
 * the product and what that calls, and changes nothing else.
 */
const wanted = process.env.DIE_AT

function die(moment: Moment): void {
  if (moment === wanted) process.kill(process.pid, 'SIGKILL')
}

function watchDatabase(): void {
  const { exec, pragma, prepare } = Database.prototype
  let [tensors, batches] = [0, 0]
  Database.prototype.exec = function (this: BetterSqlite3.Database, sql: string) {
    const first = sql.includes('CREATE TABLE conversion')
    if (!first && !sql.includes('CREATE TABLE job')) return exec.call(this, sql)
    if (!first) die('between the migrations')
    const middle = sql.lastIndexOf('CREATE TABLE')
    exec.call(this, sql.slice(0, middle))
    die(first ? 'in the middle of the first migration' : 'in the middle of the second migration')
    return exec.call(this, sql.slice(middle))
  }
  Database.prototype.pragma = function (
    this: BetterSqlite3.Database,
    source: string,
    options?: BetterSqlite3.PragmaOptions,
  ) {
    const answer = pragma.call(this, source, options)
    if (source === 'user_version = 2') die('before the second migration is committed')
    return answer
  }
  Database.prototype.prepare = function (this: BetterSqlite3.Database, sql: string) {
    if (sql.startsWith('INSERT INTO tensor_job') && ++tensors === 2) die('with the first tensors in work')
    if (sql.startsWith('INSERT OR REPLACE INTO bookmark') && ++batches === 3) die('before the third batch is recorded')
    if (sql.startsWith('DELETE FROM event')) die('after the job is recorded as done')
    const statement = prepare.call(this, sql)
    const run = statement.run.bind(statement) as (...parameters: unknown[]) => BetterSqlite3.RunResult
    if (sql.startsWith('UPDATE conversion SET state')) {
      statement.run = (...parameters: unknown[]) => around(parameters[0], () => run(...parameters))
    }
    if (sql.startsWith('UPDATE job SET state = @to')) {
      statement.run = (...parameters: unknown[]) => {
        const result = run(...parameters)
        if ((parameters[0] as { to: string }).to === 'done') die('before the job is committed as done')
        return result
      }
    }
    return statement
  } as typeof prepare
}

function around<T>(to: unknown, move: () => T): T {
  die(to === 'done' ? 'before the conversion is recorded as done' : 'before "publishing" is recorded')
  const result = move()
  die(to === 'done' ? 'after the conversion is recorded as done' : 'after "publishing" is recorded')
  return result
}

function watchFiles(): void {
  const { rename } = fs
  fs.rename = async (from, to) => {
    const name = String(to)
    if (name.endsWith('.report.json')) die('before the report gets its name')
    if (name.endsWith('.gguf')) die('before the file gets its name')
    await rename(from, to)
    if (name.endsWith('.gguf')) die('after the file has got its name')
  }
  syncBuiltinESMExports()
}

watchDatabase()
watchFiles()
process.argv.splice(1, 1, mainScript)
await import(pathToFileURL(mainScript).href)
