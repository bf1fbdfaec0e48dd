import fs from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import type BetterSqlite3 from 'better-sqlite3'
import { Database } from '#dist/disk/sqlite.js'

/**
 * Converts to two recipes, each split over files, in a process of its own that dies of SIGKILL at one exact moment of
 * its end: `several-files-child.ts FOLDER OUTPUT MOMENT`. It stands between the product and what that calls.
 */
const [folder = '', output = '', wanted = ''] = process.argv.slice(2)

function die(moment: string): void {
  if (moment === wanted) process.kill(process.pid, 'SIGKILL')
}

const { rename } = fs
const renamed = { part: 0, report: 0 }
fs.rename = async (from, to) => {
  const kind = String(to).endsWith('.report.json') ? 'report' : 'part'
  const number = ++renamed[kind]
  die(`before ${kind} ${number}`)
  await rename(from, to)
  die(`after ${kind} ${number}`)
}
const { prepare } = Database.prototype
Database.prototype.prepare = function (this: BetterSqlite3.Database, sql: string) {
  const statement = prepare.call(this, sql)
  const run = statement.run.bind(statement) as (...parameters: unknown[]) => BetterSqlite3.RunResult
  if (sql.startsWith('UPDATE conversion SET state')) {
    statement.run = (...parameters: unknown[]) => {
      die(`before ${parameters[0]}`)
      const result = run(...parameters)
      die(`after ${parameters[0]}`)
      return result
    }
  }
  return statement
} as typeof prepare
syncBuiltinESMExports()

const { convert } = await import('#dist/convert/convert.js')
const { convertOptions, planOutputs } = await import('../helpers/convert-folder.ts')
const plan = await planOutputs(folder, ['Q2_K', 'Q4_K_M'], { split: { maxTensors: 12 } })
await convert(plan, convertOptions(output, { force: true }))
