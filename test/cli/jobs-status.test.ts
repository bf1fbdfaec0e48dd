import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { statusSchema } from '#dist/daemon/protocol.js'
import { tinyPhi4Shape } from '../../fixtures/model-shapes.ts'
import { mainScript, mibera } from '../helpers/command-line.ts'
import { addJob, jobConverting, startDaemon } from '../helpers/daemon.ts'
import { smallPre, writeSmallModel } from '../helpers/small-model.ts'
import { suiteFolder } from '../helpers/suite-folder.ts'
import { noTerminal, onTerminal } from '../helpers/terminal.ts'

const root = suiteFolder()
const model = () => join(root(), 'a model with a rather long name, as they often have, instruct v2')

if (noTerminal !== undefined) console.warn(`Not tested: jobs status on a terminal. ${noTerminal}.`)

beforeAll(async () => {
  // As many tensors as Phi-4 has, and long enough in work to be looked at; the weights are a hole in the file.
  const shape = { ...tinyPhi4Shape(100_352, 40), hidden: 1024, feedForward: 7168, heads: 8, kvHeads: 2 }
  await writeSmallModel(model(), { sparse: true }, shape)
  await mkdir(join(root(), 'empty'))
})

describe('jobs status', () => {
  test('in the middle of 243 tensors: one screen of 80 columns', async () => {
    const state = join(root(), 'state')
    const { client } = await startDaemon(state, ['--threads', '1', '--watch', join(root(), 'empty')])
    const ids: number[] = []
    for (const [name, recipe] of [
      ['one.gguf', 'Q2_K'],
      ['two.gguf', 'Q2_K,Q3_K_M'],
    ] as const) {
      const wanted = { model: model(), output: join(root(), name), recipe, options: { pre: smallPre } }
      ids.push((await addJob(client, wanted)).id)
    }
    await jobConverting(client, ids[0] ?? 0)
    const words = ['jobs', 'status', '--state-dir', state]
    const { stdout } = await mibera(words)
    const lines = stdout.split('\n')
    expect(lines.filter((line) => line.length > 80)).toEqual([])
    expect(lines.length).toBeLessThan(24)
    expect(stdout).toMatch(/^Daemon \d+: 1 of 1 threads, memory \S+ MiB of /)
    expect(stdout).toMatch(/#1 {4}one\.gguf +running\n {6}[━─]+ +\d+ % {2}\S+ \S+ of \S+ MiB/)
    expect(stdout).toMatch(/ {6}converting, 1 thread/)
    expect(stdout).toMatch(/ {6}tensor \d+ of 243: \S+ → Q/)
    expect(stdout).toMatch(/#2 {4}two\.gguf \(Q2_K,Q3_K_M\) +queued/)

    const json = await mibera([...words, '--json'])
    const status = statusSchema.parse(JSON.parse(json.stdout))
    expect(status.jobs[0]).toMatchObject({ id: ids[0], state: 'running', live: { phase: 'converting' } })

    if (noTerminal === undefined) {
      const screen = await onTerminal([process.execPath, mainScript, ...words], 80)
      console.log(screen.join('\n'))
      expect(screen.filter((line) => line.length > 80)).toEqual([])
      expect(screen.length).toBeLessThan(24)
      expect(screen.join('\n')).toMatch(/#1 {4}one\.gguf +running\n {6}[━─]+ +\d+ %/)
    }

    // Without the daemon the database tells the same, and that nobody works on it.
    await client.stop()
    const stored = statusSchema.parse(JSON.parse((await mibera([...words, '--json'])).stdout))
    expect(stored.daemon).toBeNull()
    expect(stored.jobs.map(({ id, state: is }) => [id, is])).toEqual(ids.map((id) => [id, 'queued']))
    expect(stored.jobs[0]?.doneBytes).toBeGreaterThan(0)
    const text = (await mibera(words)).stdout
    expect(text).toContain('No daemon runs')
    expect(text.split('\n').filter((line) => line.length > 80 && line.includes(' '))).toEqual([])
  })

  test('where nothing was ever converted it says so, and makes nothing', async () => {
    const state = join(root(), 'never')
    const end = await mibera(['jobs', 'status', '--state-dir', state])
    expect(end).toMatchObject({ status: 0, stderr: '' })
    expect(end.stdout).toContain('No conversions yet.')
    const json = await mibera(['jobs', 'status', '--state-dir', state, '--json'])
    expect(statusSchema.parse(JSON.parse(json.stdout))).toMatchObject({ daemon: null, jobs: [] })
    await expect(mkdir(state)).resolves.toBeUndefined()
  })

  test('--watch shows the change from one daemon to none', async () => {
    const state = join(root(), 'watched state')
    const { client } = await startDaemon(state)
    const documents: (number | undefined)[] = []
    const end = await mibera(['jobs', 'status', '--watch', '--json', '--state-dir', state], {
      onStdout: (text, child) => {
        const lines = text.split('\n').slice(0, -1)
        const seen = lines.map((line) => statusSchema.parse(JSON.parse(line)).daemon?.pid)
        if (documents.length === 0 && seen.length > 0) void client.stop()
        documents.splice(0, documents.length, ...seen)
        if (seen.at(-1) === undefined) child.kill('SIGKILL')
      },
    })
    expect(end.status).toBe('SIGKILL')
    expect(documents[0]).toBeTypeOf('number')
    expect(documents.at(-1)).toBeUndefined()
  })
})
