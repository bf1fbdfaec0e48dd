import { spawn } from 'node:child_process'
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { writeCl100kTokenizer } from '../fixtures/cl100k-tokenizer.ts'
import { writeModelFolder } from '../fixtures/model-folder.ts'
import { bench851Shape } from '../fixtures/model-shapes.ts'
import { quantizeModel } from '../test/helpers/llama-runtime.ts'
import { machine } from './machine.ts'
import { median } from './median.ts'
import { writeResults } from './results.ts'

/**
 * The whole conversion of the 851 M-weight model, F32 to Q3_K_M, against llama.cpp's quantizer with as many threads,
 * in alternation. Ours is the whole process from start to exit: it reads safetensors, syncs, and reads back. Theirs is
 * the call of `llama_model_quantize` alone, from an F32 GGUF that already lies there.
 */
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    threads: { type: 'string', default: '2' },
    type: { type: 'string', default: 'Q3_K_M' },
    folder: { type: 'string' },
  },
})
const threads = Number(values.threads)
const type = values.type as 'Q3_K_M'
const place = values.folder ?? (await mkdtemp(join(tmpdir(), 'mibera-bench-')))

interface Run {
  readonly seconds: number
  readonly peakBytes: number
}

try {
  const { model, f32 } = await prepare()
  const ours: Run[] = []
  const theirs: Run[] = []
  for (let round = 0; round < Number(values.rounds); round++) {
    // Neither is to wait for what the other left to be written to disk.
    await settleDisk()
    ours.push(await runOurs(model))
    await settleDisk()
    theirs.push(await runTheirs(f32))
    console.log(`round ${round + 1}: ours ${show(ours)}, llama.cpp ${show(theirs)}`)
  }
  const ratios = ours.map(({ seconds }, round) => (theirs[round]?.seconds ?? Number.NaN) / seconds)
  const extraDisk = await diskBeside(join(place, `ours.gguf`))
  console.log(`median ratio ${median(ratios).toFixed(2)} ×; disk besides the output ${extraDisk} bytes`)
  await writeResults(`conversion-${type}`, {
    ...machine(),
    threads,
    type,
    weights: 851_010_560,
    oursSeconds: median(ours.map(({ seconds }) => seconds)),
    llamaSeconds: median(theirs.map(({ seconds }) => seconds)),
    ratio: median(ratios),
    ratios,
    oursPeakBytes: Math.max(...ours.map(({ peakBytes }) => peakBytes)),
    llamaPeakBytes: Math.max(...theirs.map(({ peakBytes }) => peakBytes)),
    extraDisk,
  })
} finally {
  if (values.folder === undefined) await rm(place, { recursive: true, force: true })
}

/** The model's folder, and the F32 GGUF that llama.cpp starts from; both are kept in `--folder`. */
async function prepare(): Promise<{ model: string; f32: string }> {
  const model = join(place, 'model')
  const f32 = join(place, 'f32.gguf')
  if ((await stat(f32).catch(() => undefined)) === undefined) {
    console.log(`preparing ${place} (7 GB) …`)
    await writeModelFolder(model, bench851Shape, {
      shards: 2,
      extras: (folder) => writeCl100kTokenizer(folder, { tokens: 16_000 }),
    })
    await mibera(['convert', model, '--type', 'F32', '--out', f32])
  }
  return { model, f32 }
}

async function settleDisk(): Promise<void> {
  if (process.platform !== 'win32') await run(['sync'])
}

async function runOurs(model: string): Promise<Run> {
  const output = join(place, 'ours.gguf')
  await rm(join(place, 'state'), { recursive: true, force: true })
  return mibera(['convert', model, '--type', type, '--out', output, '--threads', String(threads), '--force'])
}

async function runTheirs(f32: string): Promise<Run> {
  const output = join(place, 'theirs.gguf')
  const { seconds, peakBytes } = await quantizeModel(f32, output, { ftype: type, threads })
  await rm(output)
  return { seconds, peakBytes }
}

/** Runs the command line as a user does; peak memory by GNU time, where it is installed. */
async function mibera(words: readonly string[]): Promise<Run> {
  const main = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))
  const line = [process.execPath, main, ...words, '--pre', 'dbrx', '--quiet', '--state-dir', join(place, 'state')]
  const timed = ['/usr/bin/time', '-f', 'peak %M', ...line]
  const begun = performance.now()
  const { status, errors } = await run(timed)
  const seconds = (performance.now() - begun) / 1000
  if (status !== 0) throw new Error(`mibera ended with ${status}: ${errors}`)
  return { seconds, peakBytes: Number(/peak (\d+)/.exec(errors)?.[1]) * 1024 }
}

function run([command = '', ...words]: readonly string[]): Promise<{ status: number | null; errors: string }> {
  const child = spawn(command, words, { stdio: ['ignore', 'ignore', 'pipe'] })
  let errors = ''
  child.stderr.on('data', (text: Buffer) => {
    errors += text.toString()
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (status) => resolve({ status, errors }))
  })
}

/** Bytes that lie in the state directory and beside the output, without the output itself. */
async function diskBeside(output: string): Promise<number> {
  const state = join(place, 'state')
  const names = (await readdir(state)).map((name) => join(state, name))
  const sizes = await Promise.all([...names, `${output}.report.json`].map(async (path) => (await stat(path)).size))
  return sizes.reduce((sum, size) => sum + size, 0)
}

function show(runs: readonly Run[]): string {
  const last = runs.at(-1)
  return last === undefined ? '' : `${last.seconds.toFixed(2)} s, ${Math.round(last.peakBytes / 2 ** 20)} MiB`
}
