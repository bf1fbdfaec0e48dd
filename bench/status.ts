import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { DaemonClient } from '#dist/daemon/client.js'
import type { JobView, Status } from '#dist/daemon/protocol.js'
import { writeCl100kTokenizer } from '../fixtures/cl100k-tokenizer.ts'
import { writeModelFolder } from '../fixtures/model-folder.ts'
import { phi4Shape } from '../fixtures/model-shapes.ts'
import { machine } from './machine.ts'
import { median } from './median.ts'
import { writeResults } from './results.ts'

/**
 * How long `mibera jobs status` takes, whole process, while the daemon converts a full-size Phi-4 of 243 tensors with
 * all threads (58.6 GB of holes under true headers): alone, with a thousand conversions in line, and without a daemon.
 * Beside it stand what Node's own start takes, idle and beside the conversion, and the daemon's answer alone.
 */
const rounds = 11
const inLine = 1000
const main = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))
const folder = await mkdtemp(join(tmpdir(), 'mibera-bench-'))
const model = join(folder, 'mibera-v1-merged')
const state = ['--state-dir', join(folder, 'state')]
const status = [main, 'jobs', 'status', ...state]
const client = new DaemonClient(join(folder, 'state'))

try {
  await writeModelFolder(model, phi4Shape, {
    shards: 13,
    sparse: true,
    lyingConfig: true,
    extras: (path) => writeCl100kTokenizer(path),
  })
  const nodeSeconds = await wall(['-e', '0'])
  await run([main, 'daemon', 'start', ...state])
  await addJob(0)
  await converting()
  const nodeInFlight = await wall(['-e', '0'])
  const inFlight = await wall(status)
  const answer = await wallOf(() => client.ask('GET', '/v1/status'))
  for (let index = 1; index <= inLine; index++) await addJob(index)
  const withThousand = await wall(status)
  const { counts, jobs } = (await client.ask<Status>('GET', '/v1/status')) as Status
  if (counts.running !== 1 || counts.queued !== inLine) throw new Error(`not as meant: ${JSON.stringify(counts)}`)
  const tensors = jobs.find((job) => job.state === 'running')?.live?.tensor?.count
  await run([main, 'daemon', 'stop', ...state])
  const withoutDaemon = await wall(status)

  const figures = {
    nodeSeconds,
    nodeInFlightSeconds: nodeInFlight,
    answerInFlightSeconds: answer,
    inFlightSeconds: inFlight,
    thousandInLineSeconds: withThousand,
    withoutDaemonSeconds: withoutDaemon,
  }
  console.log(`${tensors} tensors, all threads at work; medians of ${rounds}, in seconds:`)
  for (const [name, value] of Object.entries(figures)) console.log(`${name.padEnd(24)} ${value.toFixed(3)}`)
  await writeResults('status', { ...machine(), rounds, tensors, inLine, ...figures })
} finally {
  await client.stop()
  await rm(folder, { recursive: true, force: true })
}

async function addJob(index: number): Promise<void> {
  const job = { model, output: join(folder, `${index}.gguf`), recipe: 'Q4_K_M' }
  await client.ask<JobView>('POST', '/v1/jobs', job)
}

async function converting(): Promise<void> {
  for await (const { event, data } of (await client.events('')) ?? []) {
    if (event !== 'status') continue
    if ((JSON.parse(data) as Status).jobs.some(({ live }) => live?.phase === 'converting')) return
  }
  throw new Error('the daemon ended before it converted anything')
}

/** Median wall time of a process, in seconds. */
function wall(words: readonly string[]): Promise<number> {
  return wallOf(() => run(words))
}

async function wallOf(act: () => Promise<unknown>): Promise<number> {
  const taken: number[] = []
  for (let round = 0; round < rounds; round++) {
    const begun = performance.now()
    await act()
    taken.push((performance.now() - begun) / 1000)
  }
  return median(taken)
}

async function run(words: readonly string[]): Promise<void> {
  await promisify(execFile)(process.execPath, words)
}
