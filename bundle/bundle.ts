import { rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { build, type OutputOptions } from 'rolldown'
import { chunkGroups } from './chunks.ts'
import { writeLicenses } from './licenses.ts'
import { ownPlace } from './own-place.ts'

/**
 * Replaces the modules that processes and threads begin with, which nobody imports, by bundles of themselves and all
 * that they need. Hundreds of modules are found and read one after the other, which takes longer than what most
 * commands have to do. The modules made by tsc stay beside them: tests import those.
 */
const dist = resolve(import.meta.dirname, '../dist')
const source = resolve(import.meta.dirname, '../src')
const libraries = resolve(import.meta.dirname, '../node_modules')
const chunks = 'chunks'

/** Of the daemon and large: little would be gained. */
const notBundled = /^(fastify|bullmq|ioredis|pino|pino-roll|chokidar|@bull-board\/.*|node:.*)$/

await rm(join(dist, chunks), { recursive: true, force: true })
const inputs = [
  ...(await bundle('cli/main', {
    chunkFileNames: `${chunks}/[name]-[hash].js`,
    codeSplitting: { groups: chunkGroups },
  })),
  // A thread needs all of its modules: one file each.
  ...(await bundle('convert/worker', { codeSplitting: false })),
  ...(await bundle('worker/thread', { codeSplitting: false })),
]
await writeLicenses(join(dist, 'licenses.txt'), inputs)

/** @returns paths of the modules that are in the bundle. */
async function bundle(entry: string, output: OutputOptions): Promise<string[]> {
  const result = await build({
    input: { [entry]: join(source, `${entry}.ts`) },
    external: notBundled,
    platform: 'node',
    // Its build for Node is 70 modules of CommonJS, each run by itself; the other is the same in modules that merge.
    resolve: { alias: { yaml: join(libraries, 'yaml/browser/dist/index.js') } },
    plugins: [ownPlace(source)],
    output: { dir: dist, format: 'esm', sourcemap: true, sourcemapExcludeSources: true, comments: false, ...output },
    logLevel: 'warn',
    // What is loaded late by some may be needed at once by others.
    checks: { ineffectiveDynamicImport: false },
  })
  return result.output.flatMap((file) => (file.type === 'chunk' ? file.moduleIds : []))
}
