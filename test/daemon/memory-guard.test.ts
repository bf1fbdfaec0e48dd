import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ThreadLimit } from '#dist/convert/thread-limit.js'
import { availableMemoryFrom, systemAvailableMemory } from '#dist/daemon/available-memory.js'
import { MemoryGuard, type ThreadChange } from '#dist/daemon/memory-guard.js'
import { temporaryFolder } from '../helpers/temporary-folder.ts'

const floor = 1000

/** A guard of `mostThreads` that reads one after the other of the given amounts. */
function guard(mostThreads: number) {
  const limit = new ThreadLimit(mostThreads)
  const changes: ThreadChange[] = []
  let available: number | undefined
  const guarded = new MemoryGuard({
    limit,
    mostThreads,
    floor,
    read: () => available,
    onChange: (c) => changes.push(c),
  })
  const see = (...amounts: (number | undefined)[]) =>
    amounts.map((amount) => {
      available = amount
      guarded.look()
      return limit.threads
    })
  return { see, changes }
}

test('below the floor half of the threads go at each look, down to one', () => {
  const { see, changes } = guard(8)
  expect(see(5000, 999, 500, 100, 0, 0)).toEqual([8, 4, 2, 1, 1, 1])
  expect(changes).toEqual([
    { threads: 4, available: 999 },
    { threads: 2, available: 500 },
    { threads: 1, available: 100 },
  ])
})

test('they come back one at a time, each after memory was plenty for five looks', () => {
  const { see } = guard(4)
  see(0, 0)
  expect(see(...Array.from({ length: 20 }, () => 2000))).toEqual([
    ...[1, 1, 1, 1, 2, 2, 2, 2, 2, 3],
    ...[3, 3, 3, 3, 4, 4, 4, 4, 4, 4],
  ])
})

test('just above the floor nothing changes, and a dip begins the count anew', () => {
  const { see } = guard(2)
  see(0)
  expect(see(...Array.from({ length: 12 }, () => 1400)).at(-1)).toBe(1)
  expect(see(2000, 2000, 2000, 2000, 1400, 2000, 2000, 2000, 2000).at(-1)).toBe(1)
  expect(see(2000).at(-1)).toBe(2)
})

test('where nothing can be told nothing is done', () => {
  const { see, changes } = guard(4)
  expect(see(undefined, undefined)).toEqual([4, 4])
  expect(changes).toEqual([])
})

test('stopping is safe before start and twice', () => {
  const limit = new ThreadLimit(2)
  const guarded = new MemoryGuard({ limit, mostThreads: 2, floor, read: () => 5000, onChange: () => {} })
  guarded.stop()
  guarded.start()
  guarded.start()
  expect(guarded.available).toBe(5000)
  guarded.stop()
  guarded.stop()
})

test('the reading can come from a file, which may be missing or hold something else', async () => {
  const file = join(await temporaryFolder(), 'available')
  const read = availableMemoryFrom(file)
  expect(read()).toBeUndefined()
  writeFileSync(file, '123456\n')
  expect(read()).toBe(123_456)
  writeFileSync(file, 'plenty')
  expect(read()).toBeUndefined()
})

test.skipIf(process.platform === 'darwin')('the system tells a number of bytes', () => {
  expect(systemAvailableMemory()).toBeGreaterThan(2 ** 20)
})
