import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { tinyPhi4Shape } from '../../fixtures/model-shapes.ts'
import { mibera } from '../helpers/command-line.ts'
import { jobOf, jobWhen, logOf, startDaemon } from '../helpers/daemon.ts'
import { smallPre, smallShape, writeSmallModel } from '../helpers/small-model.ts'
import { suiteFolder } from '../helpers/suite-folder.ts'

const root = suiteFolder()
const at = (...names: string[]) => join(root(), ...names)
const pre = ['--pre', smallPre]

beforeAll(async () => {
  await writeSmallModel(at('small'), { dtype: 'BF16' }, { ...smallShape, layers: 1 })
  // Long enough in work to be left alone.
  await writeSmallModel(
    at('large'),
    { sparse: true },
    { ...tinyPhi4Shape(100_352, 8), hidden: 1024, heads: 8, kvHeads: 2 },
  )
})

test('convert hands over to the daemon and ends as it would have in place', async () => {
  const state = ['--state-dir', at('state')]
  const { client } = await startDaemon(at('state'))
  const words = ['convert', at('small'), ...pre, '--type', 'Q2_K,Q8_0', '--out', root(), ...state]
  const end = await mibera([...words, '--json'])
  expect(end).toMatchObject({ status: 0, stderr: '' })
  const outputs = ['small-Q2_K.gguf', 'small-Q8_0.gguf'].map((name) => at(name))
  expect(JSON.parse(end.stdout)).toMatchObject({ outcome: 'published', done: outputs.map((output) => ({ output })) })
  const details = await jobOf(client, 1)
  expect(details).toMatchObject({ job: { state: 'done', recipe: 'Q2_K,Q8_0', origin: 'person' }, files: outputs })

  const again = await mibera(words)
  expect(again.status).toBe(5)
  expect(again.stderr).toContain('Job 2 of the daemon')
  expect(again.stderr).toMatch(/exists already\n {2}Add --force [^\n]+\n {2}\(OUTPUT_EXISTS\)\n$/)
  expect((await mibera([...words, '--force', '--quiet'])).status).toBe(0)
})

test('what a conversion in place would note is noted before it is handed over', async () => {
  const state = ['--state-dir', at('state 6')]
  await startDaemon(at('state 6'))
  await writeFile(at('noted-00001-of-00009.gguf'), 'old')
  const words = ['convert', at('small'), ...pre, '--type', 'Q8_0', '--split-max-tensors', '10', ...state]
  const { status, stderr } = await mibera([...words, '--out', at('noted.gguf')])
  expect(status).toBe(0)
  const said = stderr.replaceAll(/\s+/g, ' ')
  expect(said).toMatch(/noted-00001-of-00009\.gguf of an earlier split stays: delete it.*Job 1 of the daemon/)
})

test('a reader who leaves is told that the job goes on; the same command again finds it', async () => {
  const state = ['--state-dir', at('state 2')]
  const { client } = await startDaemon(at('state 2'), ['--threads', '1'])
  const words = ['convert', at('large'), ...pre, '--type', 'Q2_K', '--out', at('large.gguf'), ...state]
  let left = false
  const end = await mibera(words, {
    onStderr: (text, child) => {
      if (left || !text.includes('Job 1 of the daemon')) return
      left = true
      child.kill('SIGINT')
    },
  })
  expect(end.status).toBe(process.platform === 'win32' ? 'SIGINT' : 130)
  if (process.platform !== 'win32') expect(end.stderr).toContain('The job goes on in the daemon')
  const second = await mibera([...words, '--quiet'])
  expect(second).toMatchObject({ status: 0, stdout: '', stderr: '' })
  expect(existsSync(at('large.gguf'))).toBe(true)
  expect((await jobWhen(client, 1, 'done')).attempts).toBe(0)
  expect(logOf(at('state 2'))).not.toContain('"job":2')
})

test('a job can be paused, resumed and cancelled with and without a daemon', async () => {
  const state = ['--state-dir', at('state 3')]
  const { client } = await startDaemon(at('state 3'), ['--threads', '1'])
  const { status } = await mibera([
    'convert',
    at('large'),
    ...pre,
    '--type',
    'Q3_K_M',
    '--out',
    at('large.gguf'),
    ...state,
  ])
  // The other test's file is there: the job failed, and can be tried again.
  expect(status).toBe(5)
  await client.stop()
  const jobs = (...words: string[]) => mibera(['jobs', ...words, ...state])
  expect(await jobs('retry', '1')).toMatchObject({ status: 0, stdout: 'Job 1 is queued.\n' })
  expect(await jobs('pause', '1')).toMatchObject({ status: 0, stdout: 'Job 1 is paused.\n' })
  expect(await jobs('resume', '1')).toMatchObject({ status: 0, stdout: 'Job 1 is queued.\n' })
  expect(await jobs('cancel', '1', '--remove-part')).toMatchObject({ status: 0, stdout: 'Job 1 is cancelled.\n' })
  expect((await jobs('resume', '1')).stderr).toContain('(JOB_STATE)')
  expect((await jobs('show', '7')).stderr).toContain('(JOB_UNKNOWN)')
  const shown = await jobs('show', '1')
  expect(shown.stdout).toContain('queued → paused')
  expect(shown.stdout.split('\n').filter((line) => line.length > 80)).toEqual([])
  await startDaemon(at('state 3'))
  expect((await jobs('retry', '1')).stdout).toBe('Job 1 is queued.\n')
  expect((await jobs('list', '--state', 'done')).stdout).toBe('No jobs.\n')
  expect((await jobs('list', '--state', 'over')).status).toBe(2)
})

test('daemon logs prints what happened, and follows', async () => {
  const state = ['--state-dir', at('state 4')]
  const { client } = await startDaemon(at('state 4'))
  const printed = await mibera(['daemon', 'logs', ...state])
  expect(printed.stdout).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ info {2}the daemon runs\n$/)
  let asked = false
  const followed = await mibera(['daemon', 'logs', '-f', '-n', '1', ...state], {
    onStdout: (text, child) => {
      if (text.includes('the daemon has stopped')) child.kill('SIGKILL')
      if (!asked) void client.stop()
      asked = true
    },
  })
  expect(followed.stdout.split('\n').slice(0, -1)).toHaveLength(2)
  expect(await readFile(at('state 4', 'logs', 'daemon.1.log'), 'utf8')).toContain('the daemon has stopped')
  await mkdir(at('state 5'))
  expect(await mibera(['daemon', 'logs', '--state-dir', at('state 5')])).toMatchObject({ status: 0, stdout: '' })
})
