import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { onTestFinished } from 'vitest'
import { mainScript } from '../helpers/command-line.ts'
import { typescriptChild } from '../helpers/typescript-child.ts'
import type { Moment } from './moments.ts'

const dieAtScript = new URL('./die-at.ts', import.meta.url)

/** Starts a daemon whose process is known from its first instant on, so that it can be killed at any. */
export function spawnDaemon(stateDirectory: string, words: readonly string[], moment?: Moment): ChildProcess {
  const program = moment === undefined ? [mainScript] : typescriptChild(dieAtScript)
  const daemon = ['daemon', 'start', '--foreground', '--state-dir', stateDirectory, ...words]
  const env = { ...process.env, ...(moment === undefined ? {} : { DIE_AT: moment }) }
  const child = spawn(process.execPath, [...program, ...daemon], { stdio: 'ignore', env })
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  return child
}

/** Kills a daemon so many milliseconds after its process was begun. */
export async function killAfter(child: ChildProcess, milliseconds: number): Promise<void> {
  const timer = setTimeout(() => child.kill('SIGKILL'), milliseconds)
  const end = await endOf(child)
  clearTimeout(timer)
  if (end !== 'SIGKILL') throw new Error(`the daemon ended by itself: ${end}`)
}

/** Runs a daemon until it dies by its own hand. */
export async function dieAt(moment: Moment, stateDirectory: string, words: readonly string[]): Promise<void> {
  const end = await endOf(spawnDaemon(stateDirectory, words, moment))
  if (end !== 'SIGKILL') throw new Error(`the daemon did not come to "${moment}", but to an end: ${end}`)
}

async function endOf(child: ChildProcess): Promise<number | NodeJS.Signals | null> {
  const [status, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
  return signal ?? status
}
