import { beforeAll, describe, expect, test } from 'vitest'
import { run } from '../helpers/command-line.ts'
import { suiteFolder } from '../helpers/suite-folder.ts'
import { isolation } from './network.ts'
import type { Program } from './program.ts'
import { Trial } from './trial.ts'
import { type TrialModel, writeTrialModel } from './trial-model.ts'

const root = suiteFolder()
let model: TrialModel

beforeAll(async () => {
  model = await writeTrialModel(root())
})

describe(`a daemon without threads and three workers, apart by ${isolation}`, { timeout: 240_000 }, () => {
  test('make the bytes of a plain conversion, from source bytes and to results that go over the network', async () => {
    const trial = await Trial.start({ model, root: root(), workers: 3 })
    if (isolation !== 'processes') {
      const seen = await Promise.all(trial.network.workers.map((machine) => run(...machine.command('ls', [root()]))))
      expect(seen).toEqual(Array(3).fill({ status: 0, stdout: '', stderr: '' }))
    }
    const workers = await Promise.all([0, 1, 2].map((index) => trial.startWorker(index)))
    const begun = performance.now()
    const { id } = await trial.convert()
    await trial.ended(id)
    console.log(
      `${model.slices} slices uploaded by 3 workers in ${seconds(begun)} s, ${trial.ledger.count('late')} made twice`,
    )
    await trial.check(id)
    expect(trial.ledger.count('accepted')).toBe(model.slices)
    expect(openedBy(workers)).toMatch(/results are uploaded/)
    expect(openedBy(workers)).not.toMatch(/shared folder/)
    if (isolation !== 'processes') expect(openedBy(workers)).not.toMatch(/shards are read here/)
    for (const worker of workers) expect(await drained(worker)).toBe(0)
    await trial.emptied()
  })

  test('make them over a shared drive too: sources read and results left there', async () => {
    const trial = await Trial.start({ model, root: root(), workers: 3, shared: 'everything' })
    const workers = await Promise.all([0, 1, 2].map((index) => trial.startWorker(index)))
    const begun = performance.now()
    const { id } = await trial.convert()
    await trial.ended(id)
    console.log(
      `${model.slices} slices left on a shared drive by 3 workers in ${seconds(begun)} s, ${trial.ledger.count('late')} made twice`,
    )
    await trial.check(id)
    expect(trial.ledger.count('accepted')).toBe(model.slices)
    expect(openedBy(workers)).toMatch(/shards are read here, results go to the shared folder/)
    expect(openedBy(workers)).not.toMatch(/over HTTP|uploaded/)
    for (const worker of workers) expect(await drained(worker)).toBe(0)
    await trial.emptied()
  })
})

/** What workers say of a conversion when its first job comes. All of them have one, unless the machine is very busy. */
function openedBy(workers: readonly Program[]): string {
  return workers.map(({ output }) => output).join('')
}

async function drained(worker: Program): Promise<unknown> {
  worker.signal('SIGTERM')
  return worker.end
}

function seconds(begun: number): string {
  return ((performance.now() - begun) / 1000).toFixed(1)
}
