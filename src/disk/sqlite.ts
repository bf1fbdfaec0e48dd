import { createRequire } from 'node:module'
import type BetterSqlite3 from 'better-sqlite3'
import { MiberaError } from '../base/errors.ts'

/** Of Node-API: what release 13 of better-sqlite3 needs. Node before 22.14 has 9. */
const neededVersion = 10

/**
 * Release 12 runs on every Node from 20 on, but ends the process on 24.19 and later, when a statement is
 * garbage-collected at the wrong moment. npm leaves out the release that is not for its Node.
 */
const release = Number(process.versions.napi) >= neededVersion ? 'better-sqlite3' : 'better-sqlite3-12'

export const Database: typeof BetterSqlite3 = load()

/** By `require`: to import what is CommonJS, Node first parses it all to find its names, 15 ms of every command. */
function load(): typeof BetterSqlite3 {
  try {
    return createRequire(import.meta.url)(release)
  } catch (cause) {
    throw new MiberaError('INTERNAL', `the package ${release} is not installed, which Node ${process.version} needs`, {
      hint: 'Run "npm ci" in the checkout, or reinstall the package, with this Node, and look for errors of that package.',
      cause,
    })
  }
}
