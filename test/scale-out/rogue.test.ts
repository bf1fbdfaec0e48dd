import { beforeAll, describe, expect, test } from 'vitest'
import { statusOf } from '../helpers/daemon.ts'
import { suiteFolder } from '../helpers/suite-folder.ts'
import { Trial } from './trial.ts'
import { type TrialModel, writeTrialModel } from './trial-model.ts'

const root = suiteFolder()
let model: TrialModel

beforeAll(async () => {
  model = await writeTrialModel(root())
})

describe('a worker that makes wrong blocks, and says the right digest of them', { timeout: 240_000 }, () => {
  test.each([
    ['from the beginning', 0],
    ['once it is trusted', 20],
  ])('%s is caught, put out after three, and what it made is made again', async (_, honest) => {
    const trial = await Trial.start({ model, root: root(), workers: 2 })
    const options = { preload: ['rogue-preload.mjs'], env: { ROGUE_AFTER: String(honest) } }
    const rogue = await trial.startWorker(0, options)
    const { id } = await trial.convert()

    const undetected = trial
      .ended(id)
      .then(() => Promise.reject(new Error('the conversion ended with the rogue at work')))
    expect(await Promise.race([rogue.end, undetected])).not.toBe(0)
    expect(rogue.output).toMatch(/WORKER_QUARANTINED/)
    const { workers } = await statusOf(trial.client)
    expect(workers).toMatchObject([{ pid: rogue.pid, strikes: 3, quarantined: true }])
    expect(trial.log).toMatch(/quarantine/)
    // Of those that were on their way when the third was found out, some may have been looked at.
    expect(trial.ledger.count('wrong')).toBeGreaterThanOrEqual(3)
    // Its threads are begun anew after a wrong result, and are honest again at first. Rows that are copied are right.
    expect(trial.ledger.count('accepted', (tensor) => tensor?.type !== 'F32')).toBeLessThanOrEqual(3 * honest)

    await trial.startWorker(1)
    await trial.ended(id)
    await trial.check(id)
    await trial.emptied()
  })
})
