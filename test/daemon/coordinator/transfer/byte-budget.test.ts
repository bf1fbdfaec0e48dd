import { describe, expect, test } from 'vitest'
import { BufferShelf } from '#dist/daemon/coordinator/transfer/buffer-shelf.js'
import { ByteBudget } from '#dist/daemon/coordinator/transfer/byte-budget.js'
import { refusal } from '../../../helpers/refusal.ts'

const never = new AbortController().signal

/** Work that begins when it may, and ends when the test says so. */
function piece(budget: ByteBudget, holder: string, bytes: number, gone: AbortSignal = never) {
  let end = () => {}
  const ended = new Promise<void>((resolve) => {
    end = resolve
  })
  let begun = false
  const done = budget.use({ holder, bytes, gone }, async () => {
    begun = true
    await ended
  })
  return { begun: () => begun, end, done }
}

const turns = () => new Promise((resolve) => setImmediate(resolve))

describe('memory for transfers', () => {
  test('is never more than there is, and whoever waits comes in order', async () => {
    const budget = new ByteBudget({ bytes: 100, waiting: 10 })
    const pieces = ['a', 'b', 'c', 'd', 'e', 'f'].map((holder) => piece(budget, holder, 25))
    await turns()
    expect(pieces.map(({ begun }) => begun())).toEqual([true, true, true, true, false, false])
    expect(budget.held).toBe(100)
    pieces[1]?.end()
    await turns()
    expect(pieces.map(({ begun }) => begun())).toEqual([true, true, true, true, true, false])
    for (const { end } of pieces) end()
    await Promise.all(pieces.map(({ done }) => done))
    expect(budget.held).toBe(0)
  })

  test('goes to others when one has a quarter of it', async () => {
    const budget = new ByteBudget({ bytes: 100, waiting: 10 })
    const greedy = [10, 10, 10].map((bytes) => piece(budget, 'greedy', bytes))
    const modest = piece(budget, 'modest', 10)
    await turns()
    expect(greedy.map(({ begun }) => begun())).toEqual([true, true, false])
    expect(modest.begun()).toBe(true)
    greedy[0]?.end()
    await turns()
    expect(greedy[2]?.begun()).toBe(true)
    for (const { end } of [...greedy, modest]) end()
  })

  test('is enough for one that is larger than all of it, when it is alone', async () => {
    const budget = new ByteBudget({ bytes: 100, waiting: 10 })
    const small = piece(budget, 'a', 1)
    const huge = piece(budget, 'b', 500)
    await turns()
    expect(huge.begun()).toBe(false)
    small.end()
    await turns()
    expect(huge.begun()).toBe(true)
    huge.end()
    await huge.done
    expect(budget.held).toBe(0)
  })

  test('is free again after work that failed', async () => {
    const budget = new ByteBudget({ bytes: 100, waiting: 10 })
    const failed = budget.use({ holder: 'a', bytes: 100, gone: never }, async () => {
      throw new Error('broken')
    })
    await expect(failed).rejects.toThrow('broken')
    expect(budget.held).toBe(0)
  })

  test('is not kept for one who left the line, and the line has an end', async () => {
    const budget = new ByteBudget({ bytes: 100, waiting: 2 })
    const first = piece(budget, 'a', 100)
    const leaving = new AbortController()
    const second = piece(budget, 'b', 100, leaving.signal)
    const third = piece(budget, 'c', 50)
    expect((await refusal(piece(budget, 'd', 1).done)).code).toBe('TOO_MANY_REQUESTS')
    leaving.abort(new Error('gone'))
    await expect(second.done).rejects.toThrow('gone')
    first.end()
    await turns()
    expect(third.begun()).toBe(true)
    third.end()
    await third.done
    expect(budget.held).toBe(0)
  })
})

describe('a shelf of buffers', () => {
  test('gives the same buffer again, exactly as long as asked for', () => {
    const shelf = new BufferShelf(1000)
    const buffer = shelf.take(300)
    expect(buffer.buffer.byteLength).toBe(300)
    shelf.putBack(buffer)
    expect(shelf.take(299)).not.toBe(buffer)
    expect(shelf.take(300)).toBe(buffer)
    expect(shelf.bytes).toBe(0)
  })

  test('keeps no more than it may, and of that the newest', () => {
    const shelf = new BufferShelf(1000)
    const buffers = [400, 400, 400].map((length) => shelf.take(length))
    for (const buffer of buffers) shelf.putBack(buffer)
    expect(shelf.bytes).toBe(800)
    expect(shelf.take(400)).toBe(buffers[2])
    expect(shelf.take(400)).toBe(buffers[1])
    expect(buffers).not.toContain(shelf.take(400))
    shelf.putBack(new Uint8Array(5000))
    expect(shelf.bytes).toBe(0)
  })
})
