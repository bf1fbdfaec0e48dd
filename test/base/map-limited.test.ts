import { expect, test } from 'vitest'
import { mapLimited } from '#dist/base/map-limited.js'

test('results keep the order of the items, and no more than the limit are under way', async () => {
  let underWay = 0
  let most = 0
  const results = await mapLimited([5, 4, 3, 2, 1, 0], 3, async (ticks, index) => {
    most = Math.max(most, ++underWay)
    for (let tick = 0; tick < ticks; tick++) await Promise.resolve()
    underWay--
    return `${index}:${ticks}`
  })
  expect(results).toEqual(['0:5', '1:4', '2:3', '3:2', '4:1', '5:0'])
  expect(most).toBe(3)
})

test('of several failures the first item in order is reported, even when it fails last', async () => {
  const started: number[] = []
  const failing = mapLimited([30, 1, 1, 1, 1, 1], 2, async (ticks, index) => {
    started.push(index)
    for (let tick = 0; tick < ticks; tick++) await Promise.resolve()
    throw new Error(`item ${index}`)
  })
  await expect(failing).rejects.toThrow('item 0')
  expect(started).toEqual([0, 1])
})

test('no items give no results', async () => {
  expect(await mapLimited([], 4, async () => 1)).toEqual([])
})
