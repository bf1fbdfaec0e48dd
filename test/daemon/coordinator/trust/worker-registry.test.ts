import { pino } from 'pino'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { MiberaError } from '#dist/base/errors.js'
import type { SliceId } from '#dist/convert/slice-id.js'
import { WorkerRegistry } from '#dist/daemon/coordinator/trust/worker-registry.js'
import { workerSchema } from '#dist/daemon/protocol.js'

const handshake = {
  ...{ api: 1, version: 'test', planFormat: 1, kernels: 'ab'.repeat(32) },
  ...{ host: 'elsewhere', pid: 12, threads: 4 },
}
const beat = {
  threads: 4,
  tensor: 'blk.0.attn_q.weight',
  weightsPerSecond: 1e6,
  jobsDone: 2,
  failures: 1,
  resident: 5e8,
}

/** A registry with a clock that the test moves. */
function registry() {
  const clock = { now: 1_000_000 }
  const lines: string[] = []
  const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) })
  const workers = new WorkerRegistry({ heartbeatMilliseconds: 2000, log, now: () => clock.now })
  onTestFinished(() => workers.stop())
  let changes = 0
  workers.onChange(() => changes++)
  return { clock, lines, workers, changes: () => changes }
}

function codeOf(work: () => void): string | undefined {
  try {
    work()
  } catch (error) {
    return (error as MiberaError).code
  }
  return undefined
}

describe('a worker', () => {
  test('is shown with what it said of itself last', () => {
    const { workers, clock } = registry()
    const id = workers.join(handshake)
    workers.beat(id, beat)
    const [view, ...others] = workers.views()
    expect(others).toEqual([])
    expect(workerSchema.strict().parse(view)).toEqual({
      ...beat,
      ...{ id, host: 'elsewhere', pid: 12, version: 'test' },
      ...{ strikes: 0, quarantined: false, lastSeen: clock.now },
    })
  })

  test('that nobody knows is told so, and does not count', () => {
    const { workers } = registry()
    const id = '00000000-0000-4000-8000-000000000000'
    expect(codeOf(() => workers.hear(id))).toBe('WORKER_UNKNOWN')
    expect(codeOf(() => workers.beat(id, beat))).toBe('WORKER_UNKNOWN')
    workers.strike(id, 'nothing')
    workers.leave(id)
    expect(workers.views()).toEqual([])
  })

  test('that leaves is unknown from then on', () => {
    const { workers, changes } = registry()
    const id = workers.join(handshake)
    workers.leave(id)
    expect(codeOf(() => workers.hear(id))).toBe('WORKER_UNKNOWN')
    expect(changes()).toBe(2)
  })

  test('counts with the threads that it has now, as long as it is heard of', () => {
    const { workers, clock, changes } = registry()
    const id = workers.join(handshake)
    workers.join({ ...handshake, pid: 13 })
    expect(workers.threads).toBe(8)
    clock.now += 5000
    workers.beat(id, { ...beat, threads: 2 })
    expect(workers.threads).toBe(6)
    const before = changes()
    clock.now += 2000
    expect(workers.threads).toBe(2)
    workers.look()
    workers.look()
    expect(changes()).toBe(before + 1)
    expect(workers.views()).toHaveLength(2)
  })

  test('is forgotten when nothing was heard of it for a quarter of an hour', () => {
    const { workers, clock } = registry()
    const id = workers.join(handshake)
    clock.now += 14 * 60_000
    workers.hear(id)
    clock.now += 14 * 60_000
    workers.look()
    expect(workers.has(id)).toBe(true)
    clock.now += 2 * 60_000
    workers.look()
    expect(workers.has(id)).toBe(false)
  })

  test('is one of a bounded number', () => {
    const { workers } = registry()
    for (let pid = 0; pid < 4096; pid++) workers.join({ ...handshake, pid })
    expect(codeOf(() => workers.join({ ...handshake, pid: 5000 }))).toBe('TOO_MANY_REQUESTS')
  })
})

describe('trust', () => {
  test('begins with whole slices, sixteen of them and the first of each type, and goes on with samples', () => {
    const { workers } = registry()
    const id = workers.join(handshake)
    for (let slice = 0; slice < 16; slice++) {
      expect(workers.checkFor(id, 'Q4_K')).toBe('whole')
      workers.wasRight(id, 'Q4_K', 'whole', taken())
    }
    expect(workers.checkFor(id, 'Q4_K')).toBe('sample')
    expect(workers.checkFor(id, 'Q6_K')).toBe('whole')
    workers.wasRight(id, 'Q6_K', 'whole', taken())
    expect(workers.checkFor(id, 'Q6_K')).toBe('sample')
  })

  test('does not grow by samples, and begins anew after a wrong result', () => {
    const { workers } = registry()
    const id = workers.join(handshake)
    for (let slice = 0; slice < 100; slice++) workers.wasRight(id, 'Q4_K', 'sample', taken())
    expect(workers.checkFor(id, 'Q4_K')).toBe('whole')
    for (let slice = 0; slice < 16; slice++) workers.wasRight(id, 'Q4_K', 'whole', taken())
    expect(workers.checkFor(id, 'Q4_K')).toBe('sample')
    workers.strike(id, 'wrong')
    expect(workers.checkFor(id, 'Q4_K')).toBe('whole')
  })

  test('that was misplaced has everything made again that was taken after a sample, of the conversion in work', () => {
    const { workers, lines } = registry()
    const [id, other] = [workers.join(handshake), workers.join({ ...handshake, pid: 2 })]
    const [before, now] = [retaking(), retaking()]
    for (const worker of [id, other]) prove(workers, worker)
    for (const conversion of [before, now]) {
      for (const slice of [3, 4]) {
        workers.wasRight(id, 'Q4_K', 'sample', { conversion, id: { tensor: 1, slice } })
        workers.wasRight(other, 'Q4_K', 'sample', { conversion, id: { tensor: 2, slice } })
      }
    }
    workers.strike(id, 'wrong')
    expect(before.retaken).toEqual([])
    expect(now.retaken).toEqual([
      { tensor: 1, slice: 3 },
      { tensor: 1, slice: 4 },
    ])
    expect(lines.map((line) => JSON.parse(line))).toContainEqual(expect.objectContaining({ worker: id, retaken: 2 }))
    // One that was on its way when the worker was found out.
    workers.wasRight(id, 'Q4_K', 'sample', { conversion: now, id: { tensor: 1, slice: 5 } })
    expect(now.retaken).toContainEqual({ tensor: 1, slice: 5 })
    workers.strike(id, 'wrong again')
    expect(now.retaken).toHaveLength(3)
  })

  test('is not given to one that nobody knows', () => {
    expect(registry().workers.checkFor('nobody', 'Q4_K')).toBe('whole')
  })
})

describe('quarantine', () => {
  test('comes with the third wrong result, and is told in the log, the view and every answer', () => {
    const { workers, lines, changes } = registry()
    const id = workers.join(handshake)
    workers.strike(id, 'one')
    workers.strike(id, 'two')
    expect(workers.isQuarantined(id)).toBe(false)
    workers.hear(id)
    workers.strike(id, 'three')
    expect(workers.isQuarantined(id)).toBe(true)
    expect(codeOf(() => workers.hear(id))).toBe('WORKER_QUARANTINED')
    expect(codeOf(() => workers.beat(id, beat))).toBe('WORKER_QUARANTINED')
    expect(workers.threads).toBe(0)
    expect(workers.views()).toMatchObject([{ strikes: 3, quarantined: true }])
    const told = lines.map((line) => JSON.parse(line) as { level: number }).filter(({ level }) => level === 50)
    expect(told).toMatchObject([{ worker: id, host: 'elsewhere', strikes: 3 }])
    const before = changes()
    workers.strike(id, 'four')
    workers.leave(id)
    expect(workers.views()).toMatchObject([{ strikes: 3 }])
    expect(changes()).toBe(before)
  })

  test('is of the process: a new handshake gives neither trust nor strikes back', () => {
    const { workers } = registry()
    const first = workers.join(handshake, '10.0.0.1')
    workers.strike(first, 'one')
    workers.leave(first)
    const second = workers.join(handshake, '10.0.0.1')
    expect(workers.views()).toMatchObject([{ strikes: 1 }])
    workers.strike(second, 'two')
    workers.strike(second, 'three')
    expect(codeOf(() => workers.join(handshake, '10.0.0.1'))).toBe('WORKER_QUARANTINED')
    for (const [other, address] of [
      [{ ...handshake, pid: 13 }, '10.0.0.1'],
      [{ ...handshake, host: 'other' }, '10.0.0.1'],
      [handshake, '10.0.0.2'],
    ] as const) {
      expect(codeOf(() => workers.join(other, address))).toBeUndefined()
    }
  })

  test('ends a day after the last wrong result', () => {
    const { workers, clock } = registry()
    const id = workers.join(handshake)
    for (const strike of ['one', 'two', 'three']) workers.strike(id, strike)
    clock.now += 23 * 3_600_000
    expect(codeOf(() => workers.join(handshake))).toBe('WORKER_QUARANTINED')
    clock.now += 2 * 3_600_000
    expect(codeOf(() => workers.join(handshake))).toBeUndefined()
  })
})

/** A conversion that notes what is to be made again. */
function retaking() {
  const retaken: SliceId[] = []
  return {
    retaken,
    retake(ids: readonly SliceId[]): number {
      retaken.push(...ids)
      return ids.length
    },
  }
}

const taken = () => ({ conversion: retaking(), id: { tensor: 0, slice: 0 } })

function prove(workers: WorkerRegistry, worker: string): void {
  for (let slice = 0; slice < 16; slice++) workers.wasRight(worker, 'Q4_K', 'whole', taken())
}
