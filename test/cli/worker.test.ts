import type { ChildProcess } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { mibera } from '../helpers/command-line.ts'
import { isOldestNode } from '../helpers/node-release.ts'
import { startRedis } from '../helpers/redis.ts'
import { smallShape } from '../helpers/small-model.ts'
import { temporaryFolder } from '../helpers/temporary-folder.ts'
import { addJobs, allTaken, expectSameAsLocal, sliceTotal, workerBench } from '../helpers/worker-bench.ts'

const lawful = ['--redis', 'redis://127.0.0.1', '--coordinator', 'http://127.0.0.1:9', '--token-file', 'token']
const version = { MIBERA_REDIS: '', MIBERA_COORDINATOR: '', MIBERA_TOKEN_FILE: '' }

describe('mibera worker', () => {
  test.skipIf(process.platform === 'win32')(
    'says whom it works for, makes what there is, and leaves at a signal',
    async () => {
      const bench = await workerBench()
      const { coordinator, redis, tokenFile } = bench
      await addJobs(bench)
      let child: ChildProcess | undefined
      const addresses = ['--redis', redis.url, '--coordinator', coordinator.origin, '--token-file', tokenFile]
      const running = mibera(['worker', ...addresses, '--threads', '1'], {
        onStart: (started) => {
          child = started
        },
      })
      await allTaken(bench)
      await coordinator.until(() => coordinator.heartbeats.at(-1)?.tensor === null)
      child?.kill('SIGINT')
      const { status, stdout, stderr } = await running
      expect(status).toBe(0)
      expect(stdout).toBe('')
      expect(stderr.split('\n')).toEqual([
        `Working for ${coordinator.origin} with 1 thread`,
        `A conversion of ${bench.plan.tensors.length} tensors with 1 thread: shards are read here, results are uploaded`,
        'Stopping after the slices in hand … (again to stop at once)',
        `Stopped. ${sliceTotal(bench.plan)} slices made here.`,
        '',
      ])
      expect(coordinator.workers.size).toBe(0)
      await expectSameAsLocal(bench)
    },
  )

  test.skipIf(process.platform === 'win32')('ends at once at the second signal', async () => {
    const bench = await workerBench()
    const { coordinator, redis, tokenFile } = bench
    await addJobs(bench)
    // Slices in hand stay in hand.
    coordinator.disturb = ({ path }) => (path.includes('/slices/') ? 'hang' : undefined)
    let signals = 0
    const addresses = ['--redis', redis.url, '--coordinator', coordinator.origin, '--token-file', tokenFile]
    const running = mibera(['worker', ...addresses], {
      onStderr: (text, child) => {
        if (signals === 0 && text.includes('A conversion of')) signals = Number(child.kill('SIGTERM'))
        if (signals === 1 && text.includes('Stopping')) signals += Number(child.kill('SIGTERM'))
      },
    })
    const { status, stderr } = await running
    expect(status).toBe(130)
    expect(stderr).not.toContain('Stopped')
  })

  test('takes as many threads as its budget of memory allows, and stays within it', async () => {
    // Slices of full size.
    const bench = await workerBench({ ...smallShape, layers: 1, vocabulary: 24_000 })
    const { coordinator, redis, tokenFile, plan } = bench
    // Not the shards that this machine sees: their bytes come from the coordinator.
    coordinator.plan = { ...plan, sources: plan.sources.map((source) => ({ ...source, modifiedMs: 0 })) }
    await addJobs(bench)
    let child: ChildProcess | undefined
    const addresses = ['--redis', redis.url, '--coordinator', coordinator.origin, '--token-file', tokenFile]
    const budget = isOldestNode ? '256M' : '276M'
    const running = mibera(['worker', ...addresses, '--threads', '16', '--max-memory', budget], {
      onStart: (started) => {
        child = started
      },
    })
    await allTaken(bench)
    await coordinator.until(() => coordinator.heartbeats.at(-1)?.tensor === null)
    child?.kill()
    const { stderr } = await running
    expect(stderr).toMatch(/with 2 threads: (\d+) of \1 shards come over HTTP/)
    expect(coordinator.heartbeats.at(-1)?.threads).toBe(2)
    expect(Math.max(...coordinator.heartbeats.map(({ resident }) => resident))).toBeLessThan(256 * 2 ** 20)
  })

  test('takes its options from the environment, and says what is lacking', async () => {
    const folder = await temporaryFolder()
    const told = async (...words: string[]) =>
      (await mibera(['worker', ...words], { env: version, cwd: folder })).stderr
    const page = 'docs/workers.md shows the whole command.\n  (USAGE)\n'
    expect(await told()).toBe(
      'mibera: a worker needs --redis, --coordinator and --token-file\n' +
        `  Give them, or the variables MIBERA_REDIS, MIBERA_COORDINATOR and MIBERA_TOKEN_FILE. ${page}`,
    )
    expect(await told('--redis', 'redis://127.0.0.1', '--token-file', 'token')).toBe(
      `mibera: a worker needs --coordinator\n  Give it, or the variable MIBERA_COORDINATOR. ${page}`,
    )
    const env = {
      MIBERA_REDIS: 'redis://127.0.0.1',
      MIBERA_COORDINATOR: 'http://127.0.0.1:9',
      MIBERA_TOKEN_FILE: join(folder, 'no-token'),
    }
    const without = await mibera(['worker'], { env })
    expect(without.status).toBe(2)
    expect(without.stderr).toContain('(TOKEN_UNUSABLE)')
  })

  test.each([
    [['--coordinatr', 'x'], 'Did you mean --coordinator?'],
    [['--threads', '0'], 'whole number from 1 to 256'],
    [['--map', '/srv'], 'Give FROM=TO'],
    [['--map', 'models=/srv'], '"models" is no whole path'],
    [[...lawful, '--map', `/data=${import.meta.dirname}`, '--map', '/srv=/no/such/folder'], '--map /srv='],
    [[...lawful, '--map', `/data=${import.meta.filename}`], 'a file, not a folder'],
    [[...lawful, '--redis', 'http://127.0.0.1'], 'redis://'],
    [[...lawful, '--coordinator', '127.0.0.1:7600'], 'https://HOST:PORT'],
    [['lst'], 'Did you mean list?'],
    [['foo'], 'no command "mibera worker foo"'],
  ])('refuses %j as wrong usage', async (words, told) => {
    const { status, stderr } = await mibera(['worker', ...words], { env: version })
    expect(status).toBe(2)
    expect(stderr).toContain(told)
    expect(stderr).toContain('(USAGE)')
  })

  test('refuses at the start a budget of memory that no conversion fits into', async () => {
    const { status, stderr } = await mibera(['worker', ...lawful, '--max-memory', '100M'])
    expect(status).toBe(6)
    expect(stderr).toContain(`more than ${isOldestNode ? 132 : 152} MiB`)
  })

  test('names the help of the very command', async () => {
    const hints = await Promise.all(
      [['worker', 'list', '--al'], ['daemon', 'start', '--bull-bord'], ['daemon', 'tok'], ['daemon']].map(
        async (words) => (await mibera(words)).stderr.match(/mibera [a-z ]*--help lists the .*/)?.[0],
      ),
    )
    expect(hints).toEqual([
      'mibera worker list --help lists the options.',
      'mibera daemon start --help lists the options.',
      'mibera daemon --help lists the commands and options.',
      'mibera daemon --help lists the commands and options.',
    ])
  })

  test('refuses a health file where none can be written, and says where it waits for what', async () => {
    const bench = await workerBench()
    const at = ['worker', '--redis', bench.redis.url, '--token-file', bench.tokenFile, '--coordinator']
    const healthFile = join(bench.folder, 'nowhere', 'health')
    const unfit = await mibera([...at, bench.coordinator.origin, '--health-file', healthFile])
    expect([unfit.status, unfit.stderr]).toEqual([8, expect.stringContaining('nowhere')])
    const away = await mibera([...at, 'http://127.0.0.1:9'], {
      onStderr: (text, child) => void (text.includes('Waiting') && child.kill('SIGINT')),
    })
    expect(away.stderr).toContain('Waiting for the coordinator at http://127.0.0.1:9 …\n')
  })

  test('tells a token that is refused, a Redis that does not let it in, and another version, each by its code', async () => {
    const bench = await workerBench()
    const { coordinator, redis, folder, tokenFile } = bench
    const other = join(folder, 'other-token')
    await writeFile(other, 'another-secret-than-the-right')
    const at = (token: string, url = redis.url) =>
      mibera(['worker', '--redis', url, '--coordinator', coordinator.origin, '--token-file', token])
    const refused = await at(other)
    expect([refused.status, refused.stderr]).toEqual([5, expect.stringContaining('(TOKEN_REFUSED)')])
    const locked = await startRedis(['--requirepass', 'a-password'])
    const out = await at(tokenFile, locked.url.replace('redis://', 'redis://:wrong@'))
    expect([out.status, out.stderr]).toEqual([5, expect.stringContaining('(REDIS_REFUSED)')])
    expect(out.stderr).not.toContain('wrong@')
    coordinator.disturb = () => ({ status: 409, code: 'WORKER_VERSION' })
    const old = await at(tokenFile)
    expect([old.status, old.stderr]).toEqual([5, expect.stringContaining('(WORKER_VERSION)')])
  })
})
