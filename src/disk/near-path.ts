import { readdir } from 'node:fs/promises'
import { basename, dirname, extname, join } from 'node:path'
import { nearestName } from '../base/nearest-name.ts'

/** Of a larger folder, names are not compared with each other. */
const mostNames = 10_000

/** "Did you mean …? " with the path that most likely was meant by one that leads nowhere; empty where none is near. */
export async function nearPath(path: string): Promise<string> {
  const name = basename(path)
  const names = (await readdir(dirname(path)).catch((): string[] => [])).slice(0, mostNames).sort()
  // What was split has only files with a number.
  const stem = `${basename(name, extname(name))}-00001-of-`
  const near = names.find((other) => other.startsWith(stem)) ?? nearestName(name, names)
  return near === undefined ? '' : `Did you mean ${join(dirname(path), near)}? `
}
