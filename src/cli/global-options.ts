import { resolve } from 'node:path'
import type { Command } from 'commander'
import envPaths from 'env-paths'

export interface GlobalOptions {
  readonly stateDirectory: string
  readonly json: boolean
  readonly quiet: boolean
  readonly verbose: boolean
  readonly color: boolean
}

interface RawOptions {
  readonly stateDir?: string
  readonly json?: boolean
  readonly quiet?: boolean
  readonly verbose?: boolean
  readonly color: boolean
}

/** Global options of a command in action, wherever on the command line they stood. */
export function globalOptions(command: Command): GlobalOptions {
  const raw = command.optsWithGlobals<RawOptions>()
  return {
    stateDirectory: resolve(raw.stateDir ?? process.env.MIBERA_STATE_DIR ?? envPaths('mibera', { suffix: '' }).data),
    json: raw.json === true,
    quiet: raw.quiet === true || raw.json === true,
    verbose: raw.verbose === true,
    color: raw.color && process.env.NO_COLOR === undefined && process.stderr.isTTY === true,
  }
}
