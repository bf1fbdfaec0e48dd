import { createRequire } from 'node:module'
import type BetterSqlite3 from 'better-sqlite3'

/** By `require`: to import what is CommonJS, Node first parses it all to find its names, 15 ms of every command. */
export const Database: typeof BetterSqlite3 = createRequire(import.meta.url)('better-sqlite3')
