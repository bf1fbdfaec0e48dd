import { beforeAll, describe, expect, test } from 'vitest'
import { fileSha256 } from '../helpers/partial-run.ts'
import { suiteFolder } from '../helpers/suite-folder.ts'
import { Trial } from './trial.ts'
import { type TrialModel, writeTrialModel } from './trial-model.ts'

const root = suiteFolder()
let model: TrialModel

beforeAll(async () => {
  model = await writeTrialModel(root())
})

describe('a worker that is stopped in the middle of its jobs loses them to another', { timeout: 240_000 }, () => {
  test.each([
    ['uploaded', {}],
    ['left on a shared drive', { shared: 'output' }],
  ] as const)('and coming back after the end, with results %s, it harms nothing', async (_, shared) => {
    const trial = await Trial.start({ model, root: root(), workers: 2, ...shared })
    const first = await trial.startWorker(0)
    await trial.lines[0]?.coordinator.shape({ bytesPerSecond: 20e6 })
    const { id } = await trial.convert()
    await trial.ledger.reached(5)
    first.signal('SIGSTOP')

    const second = await trial.startWorker(1)
    await trial.ended(id)
    await trial.check(id)

    first.signal('SIGCONT')
    first.signal('SIGTERM')
    expect(await first.end).toBe(0)
    second.signal('SIGTERM')
    expect(await second.end).toBe(0)
    expect(await fileSha256(trial.output)).toBe(model.expected.sha256)
    await trial.check(id)
    await trial.emptied()
  })
})
