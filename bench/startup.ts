import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { writeCl100kTokenizer } from '../fixtures/cl100k-tokenizer.ts'
import { writeModelFolder } from '../fixtures/model-folder.ts'
import { phi4Shape } from '../fixtures/model-shapes.ts'
import { machine } from './machine.ts'
import { median } from './median.ts'
import { writeResults } from './results.ts'

/**
 * How long a person waits for an answer: whole processes, Node's own start included, on a full-size Phi-4 (58.6 GB of
 * holes under true headers, a tokenizer of 100352 tokens).
 */
const rounds = 7
const main = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))
const folder = await mkdtemp(join(tmpdir(), 'mibera-bench-'))
const model = join(folder, 'mibera-v1-merged')
const state = ['--state-dir', join(folder, 'state')]

try {
  await writeModelFolder(model, phi4Shape, {
    shards: 13,
    sparse: true,
    lyingConfig: true,
    extras: (path) => writeCl100kTokenizer(path),
  })
  const figures = {
    nodeSeconds: await seconds(['-e', '0']),
    inspectSeconds: await seconds([main, 'inspect', model]),
    planSeconds: await seconds([main, 'plan', model]),
    daemonStartSeconds: await seconds([main, 'daemon', 'start', ...state], [main, 'daemon', 'stop', ...state]),
  }
  for (const [name, value] of Object.entries(figures)) console.log(`${name.padEnd(20)} ${value.toFixed(2)}`)
  await writeResults('startup', { ...machine(), rounds, ...figures })
} finally {
  await rm(folder, { recursive: true, force: true })
}

/** Median wall time of a command; `after` is run each time and not counted. */
async function seconds(words: readonly string[], after?: readonly string[]): Promise<number> {
  const taken: number[] = []
  for (let round = 0; round < rounds; round++) {
    const begun = performance.now()
    await promisify(execFile)(process.execPath, words)
    taken.push((performance.now() - begun) / 1000)
    if (after !== undefined) await promisify(execFile)(process.execPath, after)
  }
  return median(taken)
}
