import { cp, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll } from 'vitest'
import { run } from '../helpers/command-line.ts'

/** Where the program, its packages and the modules that are preloaded stand. */
export const checkout = resolve(import.meta.dirname, '../..')

const compiler = join(checkout, 'node_modules/typescript/bin/tsc')
let made: Promise<string> | undefined

afterAll(async () => {
  const folder = await made?.catch(() => undefined)
  if (folder !== undefined) await rm(folder, { recursive: true, force: true })
})

/**
 * A checkout whose build was not bundled, made once for all tests of a file. A bundle has copies of its own of what it
 * needs: there a module that is preloaded would change classes that nobody uses. See
 * docs/decisions/bundled-entries.md.
 */
export function unbundled(): Promise<string> {
  made ??= make()
  return made
}

async function make(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'mibera-unbundled-'))
  for (const name of ['package.json', 'migrations', 'dist', 'test/scale-out']) {
    await cp(join(checkout, name), join(folder, name), { recursive: true })
  }
  await symlink(join(checkout, 'node_modules'), join(folder, 'node_modules'))
  // Its modules take the place of the bundles.
  const words = [compiler, '-p', join(checkout, 'tsconfig.build.json'), '--outDir', join(folder, 'dist')]
  const { status, stdout, stderr } = await run(process.execPath, words, { cwd: checkout })
  if (status !== 0) throw new Error(`tsc ended with ${status}:\n${stdout}${stderr}`)
  return folder
}
