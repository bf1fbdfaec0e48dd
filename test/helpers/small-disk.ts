import { execFileSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, statfsSync, writeSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { temporaryFolder } from './temporary-folder.ts'

/** Why no small disk can be had here, or `undefined` if it can. */
export function noSmallDisk(): string | undefined {
  if (process.platform !== 'linux') return `a small disk is mounted with Linux's tmpfs, this is ${process.platform}`
  if (process.getuid?.() !== 0) return 'mounting a small disk needs root'
  return undefined
}

/** A disk of its own, gone after the test. */
export async function smallDisk(megabytes: number): Promise<string> {
  const folder = join(await temporaryFolder(), 'disk')
  mkdirSync(folder)
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder])
  onTestFinished(() => void execFileSync('umount', [folder]))
  return folder
}

/** Takes all but `left` bytes of a disk, piece by piece: somebody else may be writing to it. */
export function fillDisk(disk: string, left: number): void {
  const filler = openSync(join(disk, 'filler'), 'w')
  try {
    for (let room = freeBytes(disk) - left; room > 0; room = freeBytes(disk) - left) {
      writeSync(filler, new Uint8Array(Math.min(room, 2 ** 20)))
    }
  } finally {
    closeSync(filler)
  }
}

function freeBytes(disk: string): number {
  const { bavail, bsize } = statfsSync(disk)
  return bavail * bsize
}

/** Gives back what {@link fillDisk} took. */
export async function freeDisk(disk: string): Promise<void> {
  await rm(join(disk, 'filler'))
}
