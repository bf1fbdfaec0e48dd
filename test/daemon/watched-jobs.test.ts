import { join } from 'node:path'
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { loadSettings, type RawSettings } from '#dist/daemon/settings.js'
import { addWatchedJobs } from '#dist/daemon/watched-jobs.js'
import { JobStore } from '#dist/jobs/store/job-store.js'
import { newJob, openDatabase } from '../helpers/job-stores.ts'
import { temporaryFolder } from '../helpers/temporary-folder.ts'

const log = pino({ level: 'silent' })

async function watched() {
  const folder = await temporaryFolder()
  const store = new JobStore(openDatabase(join(folder, 'state')))
  const root = join(folder, 'models')
  const path = join(root, 'some', 'model')
  const abandoned: number[] = []
  const complete = async (content: string, flags: RawSettings = {}) => {
    const { values } = loadSettings(folder, { watch: [root], type: ['Q2_K', 'Q8_0'], ...flags }, {})
    await addWatchedJobs({ path, content }, values, store, log, async (id) => {
      abandoned.push(id)
      store.moveAsAsked(id, 'cancelled')
    })
    return store.list({ order: 'turn' })
  }
  const end = (id: number, to: 'done' | 'failed') => {
    store.take(id, 'test')
    if (to === 'done') store.move(id, 'running', 'verifying')
    store.move(id, to === 'done' ? 'verifying' : 'running', to)
  }
  return { store, root, path, complete, end, abandoned }
}

test('a complete folder becomes one job for each type, its file in the watched folder', async () => {
  const { root, path, complete } = await watched()
  const jobs = await complete('first', { pre: 'dbrx', reclaimSource: true })
  expect(jobs).toMatchObject(
    ['Q2_K', 'Q8_0'].map((recipe) => ({
      ...{ model: path, recipe, content: 'first', origin: 'watcher', state: 'queued' },
      output: join(root, `model-${recipe}.gguf`),
      options: { pre: 'dbrx', reclaimSource: true },
    })),
  )
  expect(jobs[0]?.options.force).toBeUndefined()
})

test('the files go to --out where it is given', async () => {
  const { root, complete } = await watched()
  const out = join(root, '..', 'out')
  expect((await complete('first', { out })).map(({ output }) => output)).toContain(join(out, 'model-Q2_K.gguf'))
})

test('the same content is no second job, whatever became of the first', async () => {
  const { complete, end } = await watched()
  const [first, second] = (await complete('first')).map(({ id }) => id) as [number, number]
  end(first, 'done')
  end(second, 'failed')
  expect(await complete('first')).toHaveLength(2)
  expect(await complete('first', { type: ['Q2_K', 'Q8_0', 'Q6_K'] })).toHaveLength(3)
})

test('other content replaces what the watcher made of the former, and what it was to make', async () => {
  const { store, complete, end, abandoned } = await watched()
  const [first, second] = (await complete('first')).map(({ id }) => id) as [number, number]
  end(first, 'done')
  const jobs = await complete('second')
  expect(abandoned).toEqual([second])
  expect(store.require(second).state).toBe('cancelled')
  const added = jobs.filter(({ content }) => content === 'second')
  expect(added.map(({ options }) => options)).toEqual([
    { force: true, restart: true },
    { force: true, restart: true },
  ])
})

test('a failed job is made again when the settings answer otherwise than before', async () => {
  const { complete, end } = await watched()
  for (const { id } of await complete('first')) end(id, 'failed')
  expect(await complete('first')).toHaveLength(2)
  expect(await complete('first', { pre: 'dbrx' })).toHaveLength(4)
})

test("a person's job for the same file is left alone", async () => {
  const { store, root, complete, abandoned } = await watched()
  store.add(newJob('model', { output: join(root, 'model-Q2_K.gguf') }))
  const jobs = await complete('first')
  expect(jobs.map(({ origin, recipe }) => [origin, recipe])).toEqual([
    ['person', 'Q4_K_M'],
    ['watcher', 'Q8_0'],
  ])
  expect(abandoned).toEqual([])
})
