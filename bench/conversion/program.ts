import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** The built command line. */
export const program = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

/** What a whole process took. */
export interface ProcessRun {
  readonly seconds: number
  /** Highest resident memory; NaN without GNU time. */
  readonly peakBytes: number
}

/** What a process said on standard error. */
export interface Saying {
  /** Since the process was started. */
  readonly seconds: number
  readonly line: string
}

/**
 * Runs the command line as a user does, from the start of the process to its exit.
 * @throws Error with what it said when it fails.
 */
export async function mibera(words: readonly string[]): Promise<ProcessRun & { readonly said: readonly Saying[] }> {
  const timed = ['/usr/bin/time', '-f', 'peak %M', process.execPath, program, ...words]
  const { status, said, seconds } = await run(timed)
  const errors = said.map(({ line }) => line).join('\n')
  if (status !== 0) throw new Error(`mibera ${words.join(' ')} ended with ${status}: ${errors}`)
  return { seconds, peakBytes: Number(/^peak (\d+)/m.exec(errors)?.[1]) * 1024, said }
}

/** Seconds from the start of a process until it said a line that begins so. */
export function secondsUntil(beginning: string, said: readonly Saying[]): number {
  const found = said.find(({ line }) => line.startsWith(beginning))
  if (found === undefined) throw new Error(`nothing that was said begins with "${beginning}"`)
  return found.seconds
}

interface Ended {
  readonly status: number | null
  readonly said: readonly Saying[]
  readonly seconds: number
}

function run([command = '', ...words]: readonly string[]): Promise<Ended> {
  // Certificates that this machine adds are read at every start of Node, 0.05 s: nothing that conversions need.
  const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env
  const begun = performance.now()
  const secondsSince = () => (performance.now() - begun) / 1000
  const child = spawn(command, words, { stdio: ['ignore', 'ignore', 'pipe'], env })
  const said: Saying[] = []
  createInterface(child.stderr).on('line', (line) => said.push({ seconds: secondsSince(), line }))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (status) => resolve({ status, said, seconds: secondsSince() }))
  })
}
