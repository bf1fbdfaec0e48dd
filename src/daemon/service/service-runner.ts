import { execFile } from 'node:child_process'

export interface CommandResult {
  /** Exit status; undefined when the program could not be started or was killed. */
  readonly status: number | undefined
  /** What it said, on both streams. */
  readonly output: string
}

/** Runs one program to its end: all of the system that installing a service may touch besides its own file. */
export type ServiceRunner = (words: readonly string[]) => Promise<CommandResult>

/** Longest that a command may take. `systemctl restart` and `disable --now` wait for the daemon's drain. */
const commandMilliseconds = 60_000

export const runCommand: ServiceRunner = ([program = '', ...words]) =>
  new Promise((resolve) => {
    execFile(program, words, { timeout: commandMilliseconds, windowsHide: true }, (error, stdout, stderr) => {
      const output = `${stdout}${stderr}`.trim()
      if (error === null) resolve({ status: 0, output })
      else if (typeof error.code === 'number') resolve({ status: error.code, output })
      else resolve({ status: undefined, output: output === '' ? error.message : output })
    })
  })
