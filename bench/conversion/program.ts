import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** The built command line. */
export const program = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

/** What a whole process took. */
export interface ProcessRun {
  readonly seconds: number
  /** Highest resident memory; NaN without GNU time. */
  readonly peakBytes: number
}

/**
 * Runs the command line as a user does, from the start of the process to its exit.
 * @throws Error with what it said when it fails.
 */
export async function mibera(words: readonly string[]): Promise<ProcessRun> {
  const timed = ['/usr/bin/time', '-f', 'peak %M', process.execPath, program, ...words]
  const begun = performance.now()
  const { status, errors } = await run(timed)
  const seconds = (performance.now() - begun) / 1000
  if (status !== 0) throw new Error(`mibera ${words.join(' ')} ended with ${status}: ${errors}`)
  return { seconds, peakBytes: Number(/peak (\d+)/.exec(errors)?.[1]) * 1024 }
}

/** Nobody is to wait for what an earlier run left to be written to disk. */
export async function settleDisk(): Promise<void> {
  if (process.platform !== 'win32') await run(['sync'])
}

function run([command = '', ...words]: readonly string[]): Promise<{ status: number | null; errors: string }> {
  // Certificates that this machine adds are read at every start of Node, 0.05 s: nothing that conversions need.
  const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env
  const child = spawn(command, words, { stdio: ['ignore', 'ignore', 'pipe'], env })
  let errors = ''
  child.stderr.on('data', (text: Buffer) => {
    errors += text.toString()
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (status) => resolve({ status, errors }))
  })
}
