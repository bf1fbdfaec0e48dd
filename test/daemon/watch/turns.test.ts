import { expect, test } from 'vitest'
import { Turns } from '#dist/daemon/watch/turns.js'

test('no more than so many are under way, in the order in which they came, and a failure gives its turn back', async () => {
  const turns = new Turns(3)
  const begun: number[] = []
  let underWay = 0
  let most = 0
  const work = Array.from({ length: 20 }, (_, index) =>
    turns.run(async () => {
      begun.push(index)
      most = Math.max(most, ++underWay)
      await new Promise((resolve) => setImmediate(resolve))
      underWay--
      if (index % 2 === 1) throw new RangeError(String(index))
      return index
    }),
  )
  const results = await Promise.allSettled(work)
  expect(most).toBe(3)
  expect(begun).toEqual([...begun].toSorted((a, b) => a - b))
  expect(results.map(({ status }) => status)).toEqual(
    Array.from({ length: 20 }, (_, index) => (index % 2 === 1 ? 'rejected' : 'fulfilled')),
  )
})
