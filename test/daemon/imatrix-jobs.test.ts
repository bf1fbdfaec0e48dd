import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { planGguf } from '../helpers/convert-gguf.ts'
import { addJob, jobConverting, jobOf, jobWhen, startDaemon } from '../helpers/daemon.ts'
import { llamaMetadata, llamaTensors, writeFilledGguf } from '../helpers/filled-gguf.ts'
import { ggufImatrix, measuredTensors } from '../helpers/imatrix-files.ts'
import { randomEntries } from '../helpers/random-imatrix.ts'
import { smallPre, smallShape, writeSmallModel } from '../helpers/small-model.ts'
import { suiteFolder } from '../helpers/suite-folder.ts'

const root = suiteFolder()
const file = (name: string) => join(root(), name)

async function writeImatrix(seed: number): Promise<void> {
  const { tensors } = await planGguf(file('little.gguf'), 'F16')
  await writeFile(file('measured.gguf'), ggufImatrix(measuredTensors(randomEntries(tensors, seed))))
}

beforeAll(async () => {
  await writeFilledGguf(file('little.gguf'), llamaMetadata(), llamaTensors())
  await writeImatrix(1)
  // Many weights, none of them on the disk: a job that others wait behind for as long as they must.
  const shape = { ...smallShape, layers: 12, hidden: 2048, feedForward: 8192, heads: 16, kvHeads: 4 }
  await writeSmallModel(file('long'), { sparse: true }, { ...shape, vocabulary: 8000 })
})

test('a job whose importance matrix was changed while it was queued fails and says so, and is made with the old one', async () => {
  const { client } = await startDaemon(file('state'), ['--threads', '1'])
  const before = { model: file('long'), output: file('long.gguf'), recipe: 'Q2_K', options: { pre: smallPre } }
  const long = await addJob(client, before)
  await jobConverting(client, long.id)
  const options = { importance: { file: file('measured.gguf'), named: 'measured.gguf' } }
  const job = await addJob(client, { model: file('little.gguf'), output: file('out.gguf'), recipe: 'IQ2_XS', options })
  expect(job.state).toBe('queued')

  await writeImatrix(2)
  await client.ask('POST', `/v1/jobs/${long.id}/cancel`)
  await jobWhen(client, job.id, 'failed')
  const { reason } = (await jobOf(client, job.id)).job
  expect(reason).toMatchObject({ code: 'PLAN_CHANGED', hint: expect.stringContaining('Put the old file back') })
  expect(reason?.message).toBe(
    `the importance matrix ${file('measured.gguf')} holds something else than when the job was made`,
  )

  await writeImatrix(1)
  await client.ask('POST', `/v1/jobs/${job.id}/retry`)
  expect((await jobWhen(client, job.id, 'done')).state).toBe('done')
  await client.stop()
})
