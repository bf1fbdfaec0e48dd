import { open, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { addJobs, allTaken, expectSameAsLocal, jobsOf, sliceTotal, workerBench } from '../helpers/worker-bench.ts'

describe('a worker', () => {
  it('does every job of the queue, each slice once, and takes leave when it is stopped', async () => {
    const bench = await workerBench()
    const { coordinator, stop, queue, plan } = bench
    await addJobs(bench)
    const running = bench.start()
    await allTaken(bench)
    await coordinator.until(() => coordinator.heartbeats.some(({ jobsDone }) => jobsDone === jobsOf(bench).length))
    stop.abort()
    await running
    await expectSameAsLocal(bench)
    expect(coordinator.late).toBe(0)
    expect(await queue.getJobCounts('active', 'wait', 'delayed', 'failed')).toEqual({
      active: 0,
      wait: 0,
      delayed: 0,
      failed: 0,
    })
    expect(coordinator.workers.size).toBe(0)
    expect(coordinator.heartbeats.at(-1)).toMatchObject({ threads: 2, failures: 0, tensor: null })
    expect(coordinator.heartbeats.some(({ weightsPerSecond }) => weightsPerSecond > 0)).toBe(true)
    expect(bench.events.filter(({ kind }) => kind !== 'slice')).toMatchObject([
      { kind: 'joined', threads: 2 },
      { kind: 'opened', tensors: plan.tensors.length, shared: plan.sources.length, spool: false },
    ])
  })

  it('reads shards through a map where the coordinator has them under another path', async () => {
    const bench = await workerBench()
    const { coordinator, plan, folder } = bench
    await rename(join(folder, 'model'), join(folder, 'seen-here'))
    await addJobs(bench)
    void bench.start({ maps: [{ from: join(folder, 'model'), to: join(folder, 'seen-here') }] })
    await allTaken(bench)
    expect(bench.events).toContainEqual(expect.objectContaining({ kind: 'opened', shared: plan.sources.length }))
    expect(coordinator.requests.filter(({ path }) => path.includes('/sources/'))).toEqual([])
  })

  it('leaves results in a folder that the coordinator proved to see, and nothing of them behind', async () => {
    const bench = await workerBench()
    const { coordinator, folder } = bench
    await writeFile(join(folder, 'nonce'), 'the nonce')
    coordinator.spool = { folder, nonce: 'the nonce' }
    await addJobs(bench)
    void bench.start()
    await allTaken(bench)
    await expectSameAsLocal(bench)
    expect(coordinator.requests.filter(({ path, method }) => method === 'PUT' && path.includes('/slices/'))).toEqual([])
    expect(coordinator.requests.filter(({ path }) => path.endsWith('/spooled'))).toHaveLength(sliceTotal(bench.plan))
  })

  it('uploads where the folder for results holds another nonce', async () => {
    const bench = await workerBench()
    const { coordinator, folder } = bench
    await writeFile(join(folder, 'nonce'), 'of another folder')
    coordinator.spool = { folder, nonce: 'the nonce' }
    await addJobs(bench)
    void bench.start()
    await allTaken(bench)
    expect(coordinator.requests.filter(({ path }) => path.endsWith('/spooled'))).toEqual([])
  })

  it('gives back what it has not begun when it is stopped, for others to take at once', async () => {
    const bench = await workerBench()
    const { coordinator, stop, queue } = bench
    await addJobs(bench)
    const running = bench.start()
    coordinator.disturb = ({ method, path }) => {
      if (method === 'PUT' && path.includes('/slices/')) stop.abort()
      return undefined
    }
    await running
    const counts = await queue.getJobCounts('active', 'failed', 'delayed')
    expect(counts).toEqual({ active: 0, failed: 0, delayed: 0 })
    coordinator.disturb = () => undefined
    // What the first had in hand was delivered; another makes the rest.
    const begun = coordinator.taken.size
    expect(begun).toBeGreaterThan(0)
    expect(begun).toBeLessThan(sliceTotal(bench.plan))
    const second = new AbortController()
    const other = bench.start({ stop: second.signal })
    await allTaken(bench)
    second.abort()
    await other
    expect(coordinator.late).toBe(0)
  })

  it('shakes hands again with a coordinator that has forgotten it, and does the jobs in hand', async () => {
    const bench = await workerBench()
    const { coordinator } = bench
    await addJobs(bench)
    let forgotten = false
    coordinator.disturb = () => {
      if (!forgotten && coordinator.taken.size === 3) {
        forgotten = true
        coordinator.workers.clear()
      }
      return undefined
    }
    void bench.start()
    await allTaken(bench)
    await expectSameAsLocal(bench)
    expect(bench.events.filter(({ kind }) => kind === 'joined')).toHaveLength(2)
    expect(bench.events.some(({ kind }) => kind === 'job-failed')).toBe(false)
  })

  it('ends jobs of a conversion that is not active any more without a failure', async () => {
    const bench = await workerBench()
    const { coordinator, queue } = bench
    await addJobs(bench, [{ conversion: 'ended', tensor: 0, firstSlice: 0, slices: 1 }, ...jobsOf(bench)])
    void bench.start()
    await allTaken(bench)
    await coordinator.until(() => coordinator.heartbeats.at(-1)?.jobsDone === jobsOf(bench).length)
    expect(await queue.getJobCounts('active', 'wait', 'delayed', 'failed')).toEqual({
      active: 0,
      wait: 0,
      delayed: 0,
      failed: 0,
    })
    expect(bench.events.some(({ kind }) => kind === 'job-failed')).toBe(false)
  })

  it('says of a slice with NaN that it cannot be made, and makes the others', async () => {
    const bench = await workerBench()
    const { coordinator, plan } = bench
    const damaged = plan.tensors.findIndex(({ source }) => source.kind === 'rows')
    const { source } = plan.tensors[damaged] ?? {}
    if (source?.kind !== 'rows') throw new Error('no tensor has a source')
    const [range] = source.ranges
    const file = await open(plan.sources[range?.source ?? 0]?.path ?? '', 'r+')
    // All ones: a NaN in F32, F16 and BF16.
    await file.write(Buffer.alloc(4, 0xff), 0, 4, range?.offset ?? 0)
    await file.close()
    await addJobs(bench)
    void bench.start()
    await coordinator.until(() => coordinator.taken.size === sliceTotal(plan) - 1 && coordinator.refusals.length > 0)
    expect(coordinator.refusals).toEqual([`${damaged}/0`])
    expect(coordinator.taken.has(`${damaged}/0`)).toBe(false)
  })

  it('keeps what it has made while the coordinator is away, and takes no further job', async () => {
    const bench = await workerBench()
    const { coordinator } = bench
    let away = false
    coordinator.disturb = () => {
      if (coordinator.taken.size === 3) away = true
      return away ? 'cut' : undefined
    }
    await addJobs(bench)
    void bench.start()
    await bench.event((event) => event.kind === 'trouble' && event.topic === 'coordinator')
    coordinator.disturb = () => undefined
    await bench.event((event) => event.kind === 'trouble-over' && event.topic === 'coordinator')
    await allTaken(bench)
    await expectSameAsLocal(bench)
    expect(coordinator.late).toBe(0)
    expect(bench.events.filter(({ kind }) => kind === 'trouble')).toHaveLength(1)
    expect(bench.events.some(({ kind }) => kind === 'job-failed')).toBe(false)
  })

  it('asks nobody for what a job of a stranger names', async () => {
    const bench = await workerBench()
    const { coordinator, queue } = bench
    await queue.add('tensor', { conversion: '../../board', tensor: 0, firstSlice: 0, slices: 1 })
    await queue.add('tensor', { conversion: coordinator.key, tensor: '0/../../x', firstSlice: 0, slices: 1 })
    await addJobs(bench)
    void bench.start()
    await allTaken(bench)
    expect(coordinator.requests.filter(({ path }) => !/^\/v1\/(workers|conversions\/1-)/.test(path))).toEqual([])
    expect(coordinator.requests.filter(({ path }) => path.includes('..') || path.endsWith('/x'))).toEqual([])
  })

  it('uploads after the coordinator was restarted without a folder for results', async () => {
    const bench = await workerBench()
    const { coordinator, folder } = bench
    await writeFile(join(folder, 'nonce'), 'the nonce')
    coordinator.spool = { folder, nonce: 'the nonce' }
    coordinator.disturb = ({ path }) => {
      if (!path.endsWith('/spooled')) return undefined
      coordinator.spool = null
      return { status: 422, code: 'SLICE_REFUSED' }
    }
    await addJobs(bench)
    void bench.start()
    await allTaken(bench)
    await expectSameAsLocal(bench)
    expect(
      bench.events.filter(({ kind }) => kind === 'opened').map((event) => 'spool' in event && event.spool),
    ).toEqual([true, false])
  })

  it('ends with an error when it is put in quarantine', async () => {
    const bench = await workerBench()
    bench.coordinator.disturb = ({ path }) =>
      path.includes('/slices/') ? { status: 403, code: 'WORKER_QUARANTINED' } : undefined
    await addJobs(bench)
    await expect(bench.start()).rejects.toMatchObject({ code: 'WORKER_QUARANTINED' })
  })

  it.each([
    [401, 'TOKEN_REFUSED'],
    [409, 'WORKER_VERSION'],
  ])('does not begin when the handshake is refused with %i %s', async (status, code) => {
    const bench = await workerBench()
    bench.coordinator.disturb = () => ({ status, code })
    await expect(bench.start()).rejects.toMatchObject({ code })
  })

  it('does not begin when the budget of memory is too small for one thread', async () => {
    const bench = await workerBench()
    await addJobs(bench)
    await expect(bench.start({ maxMemory: 100 * 2 ** 20 })).rejects.toMatchObject({ code: 'MEMORY_TOO_SMALL' })
  })

  it('fails a job over which its threads hang, and does it with new ones', async () => {
    const bench = await workerBench()
    const { coordinator } = bench
    let hung = 0
    coordinator.disturb = ({ path }) => (path.includes('/slices/') && hung++ < 4 ? 'hang' : undefined)
    await addJobs(bench)
    void bench.start({ longestStandstill: 3000 })
    await allTaken(bench)
    await expectSameAsLocal(bench)
    expect(bench.events).toContainEqual(
      expect.objectContaining({ kind: 'job-failed', error: expect.objectContaining({ code: 'WORKER_DIED' }) }),
    )
  })

  it('goes on when Redis is killed and comes back empty, and delivers meanwhile what it has in hand', async () => {
    const bench = await workerBench()
    const { coordinator, redis } = bench
    await addJobs(bench)
    let killed: Promise<void> | undefined
    coordinator.disturb = async ({ path }) => {
      // This one's blocks, and those of all that follow, are taken when Redis is gone.
      if (path.includes('/slices/') && coordinator.taken.size === 3) {
        killed ??= redis.kill()
        await killed
      }
      return undefined
    }
    void bench.start()
    await bench.event((event) => event.kind === 'trouble' && event.topic === 'redis')
    await coordinator.until(() => coordinator.taken.size > 3)
    expect(coordinator.taken.size).toBeLessThan(sliceTotal(bench.plan))
    await redis.restart()
    await bench.event((event) => event.kind === 'trouble-over' && event.topic === 'redis')
    await addJobs(bench)
    await allTaken(bench)
    await expectSameAsLocal(bench)
    expect(bench.events.filter(({ kind }) => kind === 'trouble')).toHaveLength(1)
  })

  it('ends soon when it is stopped while Redis is away', async () => {
    const bench = await workerBench()
    const { coordinator, redis, stop } = bench
    await addJobs(bench)
    const running = bench.start()
    await coordinator.until(() => coordinator.taken.size >= 3)
    await redis.kill()
    await bench.event((event) => event.kind === 'trouble')
    const begun = performance.now()
    stop.abort()
    await running
    expect(performance.now() - begun).toBeLessThan(8000)
  })
})
