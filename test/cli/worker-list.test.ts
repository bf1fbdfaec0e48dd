import { describe, expect, test } from 'vitest'
import { jobsScreen } from '#dist/cli/render/jobs-screen.js'
import { workersTable } from '#dist/cli/render/worker-lines.js'
import type { JobView, ScaleOutView, Status, WorkerView } from '#dist/daemon/protocol.js'
import { mibera } from '../helpers/command-line.ts'
import { startDaemon } from '../helpers/daemon.ts'
import { temporaryFolder } from '../helpers/temporary-folder.ts'

const now = 1_800_000_000_000

function worker(index: number, more: Partial<WorkerView> = {}): WorkerView {
  const id = `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`
  return {
    ...{ id, host: `laptop-${index}`, pid: 4000 + index, version: '0.1.0', threads: 8 },
    ...{ tensor: `blk.${index}.ffn_down.weight`, weightsPerSecond: 10e6 + index, jobsDone: 120, failures: 0 },
    ...{ strikes: 0, quarantined: false, lastSeen: now - 700, resident: 300e6 },
    ...more,
  }
}

function job(id: number, state: JobView['state']): JobView {
  const live: JobView['live'] = {
    ...{ phase: 'converting', threads: 0, weightsPerSecond: 41.2e6, bytesPerSecond: 20e6, secondsLeft: 600 },
    tensor: { name: 'blk.17.attn_qkv.weight', type: 'Q3_K', position: 99, count: 243 },
  }
  return {
    ...{ id, model: '/models/a', output: `/models/a-rather-long-name-of-a-model-${id}.gguf`, recipe: 'Q3_K_M', state },
    ...{
      mix: 'latest',
      options: {},
      origin: 'person',
      priority: 0,
      reason: null,
      attempts: 0,
      notBefore: null,
      needsDisk: null,
    },
    ...{ fraction: 0.4, doneWeights: 4, totalWeights: 10, doneBytes: 4e9, totalBytes: 10e9 },
    ...{ live: state === 'running' ? live : null, created: now, started: now, ended: state === 'done' ? now : null },
  }
}

function statusWith(
  workers: WorkerView[],
  jobs: JobView[],
  redisState: ScaleOutView['redisState'] = 'connected',
): Status {
  const counts = { waiting: 0, queued: 0, running: 0, verifying: 0, paused: 0, done: 0, failed: 0, cancelled: 0 }
  for (const { state } of jobs) counts[state]++
  return {
    ...{ api: 1, at: now, counts, jobs, folders: [], workers },
    daemon: {
      ...{ api: 1, version: '0.1.0', pid: 77, started: now, stateDirectory: '/s', stopping: false },
      ...{ threads: 0, mostThreads: 0, memory: { resident: 2e8, budget: 1e9, available: 8e9, floor: 1e9 } },
      scaleOut: { coordinator: 'https://10.0.0.5:7600', redis: 'redis://10.0.0.5:6379/0', redisState },
    },
  }
}

describe('jobs status with workers', () => {
  test('each of a few has a line: threads, weights/s, tensor; what is wrong with one is said', () => {
    const workers = [
      worker(1),
      worker(2, { threads: 1, tensor: null, weightsPerSecond: 0, failures: 2 }),
      worker(3, { lastSeen: now - 95_000 }),
      worker(4, { strikes: 3, quarantined: true, host: 'a-host-with-a-name-that-goes-on-and-on.example' }),
    ]
    const screen = jobsScreen(statusWith(workers, [job(1, 'running')]), '/s', 80)
    const lines = screen.trimEnd().split('\n')
    expect(lines).toContain('Workers: 2 with 9 threads, 10 M weights/s')
    expect(lines).toContain('    laptop-1          8 threads, 10 M weights/s, blk.1.ffn_down.weight')
    expect(lines).toContain('    laptop-2          1 thread, 0 weights/s, idle, 2 failed')
    expect(lines).toContain('    laptop-3          8 threads, silent for 1 min 35 s')
    expect(screen).toContain('in quarantine after 3 wrong results')
    expect(screen).toContain('by workers only')
    expect(screen).not.toContain('Redis')
    expect(lines.filter((line) => line.length > 80)).toEqual([])
  })

  test.each(['away', 'refused', 'connecting'] as const)('a Redis that is %s is told, with its address', (state) => {
    expect(jobsScreen(statusWith([], [], state), '/s', 80)).toContain('Redis at redis://10.0.0.5:6379/0')
  })

  test('a hundred workers and as many jobs fit on 80 columns and 24 lines, the busiest first', () => {
    const workers = Array.from({ length: 100 }, (_, index) => worker(index))
    const jobs = [job(1, 'running'), ...Array.from({ length: 20 }, (_, index) => job(index + 2, 'queued'))]
    const ended = Array.from({ length: 5 }, (_, index) => job(index + 50, 'done'))
    const screen = jobsScreen(statusWith(workers, [...jobs, ...ended], 'away'), '/s', 80)
    const lines = screen.trimEnd().split('\n')
    expect(lines.length).toBeLessThan(24)
    expect(lines.filter((line) => line.length > 80)).toEqual([])
    expect(screen).toContain('Workers: 100 with 800 threads, 1 G weights/s')
    expect(screen).toMatch(/laptop-99 [^\n]+\n {4}laptop-98 /)
    expect(screen).toMatch(/and \d+ more \("mibera worker list"\)/)
    expect(screen).toMatch(/and \d+ more in line/)
  })
})

describe('worker list', () => {
  test('a line of 80 columns for each worker', () => {
    const host = 'a-host-with-a-name-that-goes-on-and-on.example'
    const workers = [worker(1), worker(2, { lastSeen: now - 95_000, tensor: null, host })]
    const lines = workersTable(workers, now, 80).trimEnd().split('\n')
    expect(lines[0]).toMatch(/^host +pid +version +thr +w\/s +done +failed +seen +tensor$/)
    expect(lines[1]).toMatch(/^laptop-1 +4001 +0\.1\.0 +8 +10 M +120 +0 +1 s +blk\.\d/)
    expect(lines.filter((line) => line.length > 80)).toEqual([])
    expect(workersTable([], now, 80)).toBe('No workers.\n')
  })

  test('asks the daemon, and says when none runs', async () => {
    const state = await temporaryFolder()
    const words = ['worker', 'list', '--state-dir', state]
    expect(await mibera(words)).toMatchObject({ status: 5, stdout: expect.stringContaining('No daemon runs') })
    await startDaemon(state)
    expect(await mibera(words)).toMatchObject({ status: 0, stdout: 'No workers.\n' })
    expect(JSON.parse((await mibera([...words, '--json'])).stdout)).toEqual([])
  })
})
