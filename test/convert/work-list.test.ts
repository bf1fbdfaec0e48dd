import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { SliceRange } from '#dist/convert/engine.js'
import type { SliceId } from '#dist/convert/slice-id.js'
import { WorkList } from '#dist/convert/work-list.js'
import type { Plan } from '#dist/plan/plan.js'
import { sliceCount } from '#dist/plan/slices.js'

/** A plan of which only what cuts tensors into slices is there: a slice of these is one row. */
function planOf(...rows: readonly number[]): Plan {
  return {
    tensors: rows.map((count) => ({ rows: count, columns: 2 ** 20, source: { kind: 'values' } })),
  } as unknown as Plan
}

/** Each tensor a second time, in another file: the same rows, for another type. */
function twinsOf(...rows: readonly number[]): Plan {
  const tensors = rows.map((count, offset) => {
    const source = { kind: 'rows', names: [], dtype: 'F32', ranges: [{ source: 0, offset, rows: count }] }
    return { rows: count, columns: 2 ** 20, source: { ...source, transform: { kind: 'none' } } }
  })
  return { tensors: [...tensors, ...tensors] } as unknown as Plan
}

function everySlice(plan: Plan): SliceId[] {
  return plan.tensors.flatMap((planned, tensor) =>
    Array.from({ length: sliceCount(planned) }, (_, slice) => ({ tensor, slice })),
  )
}

function listOf(...rows: readonly number[]): WorkList {
  const plan = planOf(...rows)
  return new WorkList(plan, everySlice(plan))
}

const slicesOf = (ids: readonly SliceId[]) => ids.map(({ slice }) => slice)
const keyOf = ({ tensor, slice }: SliceId) => `${tensor}/${slice}`

test('whoever has a slice kept here is told when it was made here, and not before', () => {
  const work = listOf(3)
  work.takeElsewhere()
  const told: string[] = []
  const kept = { tensor: 0, slice: 1 }
  expect(work.keepHere(kept, () => told.push('kept'))).toBe(true)
  // It is kept already: nobody else is told.
  expect(work.keepHere(kept, () => told.push('again'))).toBe(false)
  expect(work.takeForHere()).toEqual(kept)
  work.done({ tensor: 0, slice: 0 })
  expect(told).toEqual([])
  work.done(kept)
  work.done(kept)
  expect(told).toEqual(['kept'])
})

describe('a job for other machines', () => {
  test('is sixteen slices of one tensor, or the rest of it', () => {
    const work = listOf(20, 3)
    expect(work.takeElsewhere()).toEqual({ tensor: 0, firstSlice: 0, slices: 16 })
    expect(work.takeElsewhere()).toEqual({ tensor: 0, firstSlice: 16, slices: 4 })
    expect(work.takeElsewhere()).toEqual({ tensor: 1, firstSlice: 0, slices: 3 })
    expect(work.takeElsewhere()).toBeUndefined()
  })

  test('begins at a multiple of sixteen, whatever of it is done or in other hands, and wants only the rest', () => {
    const plan = planOf(40)
    const work = new WorkList(
      plan,
      everySlice(plan).filter(({ slice }) => slice >= 18),
    )
    expect(work.takeHere()).toEqual({ tensor: 0, slice: 18 })
    const job = { tensor: 0, firstSlice: 16, slices: 16 }
    expect(work.takeElsewhere()).toEqual(job)
    expect(slicesOf(work.wanted(job))).toEqual([19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31])
  })

  test('wants nothing beyond its tensor, or of a tensor that is not there', () => {
    const work = listOf(2, 2)
    work.takeElsewhere()
    work.takeElsewhere()
    expect(slicesOf(work.wanted({ tensor: 0, firstSlice: 0, slices: 1e15 }))).toEqual([0, 1])
    expect(slicesOf(work.wanted({ tensor: 0, firstSlice: 2, slices: 2 }))).toEqual([])
    expect(slicesOf(work.wanted({ tensor: 7, firstSlice: 0, slices: 16 }))).toEqual([])
    expect(work.arrive({ tensor: 0, slice: 2 })).toBe(false)
    expect(work.arrive({ tensor: 2, slice: 0 })).toBe(false)
  })

  test('is settled when each of its slices was taken, given back or taken over', async () => {
    const work = listOf(3)
    const job = work.takeElsewhere() as SliceRange
    let settled = false
    const settling = work.settled(job).then(() => {
      settled = true
    })
    expect(work.arrive({ tensor: 0, slice: 0 })).toBe(true)
    work.done({ tensor: 0, slice: 0 })
    expect(work.takeOver()).toEqual({ tensor: 0, slice: 2 })
    await Promise.resolve()
    expect(settled).toBe(false)
    work.keepHere({ tensor: 0, slice: 1 })
    await settling
    expect(work.takeForHere()).toEqual({ tensor: 0, slice: 1 })
  })

  test('is settled at once when nothing of it is elsewhere', async () => {
    const work = listOf(3)
    await work.settled({ tensor: 0, firstSlice: 0, slices: 3 })
  })
})

describe('a slice', () => {
  test('arrives once, until it is refused', () => {
    const work = listOf(1)
    work.takeElsewhere()
    const id = { tensor: 0, slice: 0 }
    expect(work.arrive(id)).toBe(true)
    expect(work.arrive(id)).toBe(false)
    work.refuse(id)
    expect(work.arrive(id)).toBe(true)
    work.done(id)
    expect(work.arrive(id)).toBe(false)
    expect(work.isFinished).toBe(true)
  })

  test('is taken over only when nobody has none, and never while it arrives', () => {
    const work = listOf(16, 2)
    work.takeElsewhere()
    expect(work.takeOver()).toBeUndefined()
    work.takeElsewhere()
    expect(work.arrive({ tensor: 1, slice: 1 })).toBe(true)
    expect(work.takeOver()).toEqual({ tensor: 1, slice: 0 })
    expect(work.arrive({ tensor: 1, slice: 0 })).toBe(false)
  })

  test('that was given back is handed out again, here or elsewhere', () => {
    const work = listOf(2)
    const job = work.takeElsewhere() as SliceRange
    work.done({ tensor: 0, slice: 0 })
    work.giveBack(job)
    expect(work.takeElsewhere()).toEqual(job)
    expect(slicesOf(work.wanted(job))).toEqual([1])
    work.giveBack(job)
    expect(work.takeHere()).toEqual({ tensor: 0, slice: 1 })
  })

  test("that is refused when its job has been given back is nobody's, and somebody is told", () => {
    const work = listOf(1)
    const job = work.takeElsewhere() as SliceRange
    const id = { tensor: 0, slice: 0 }
    work.arrive(id)
    work.giveBack(job)
    expect(work.takeHere()).toBeUndefined()
    let told = 0
    work.onFree(() => told++)
    work.refuse(id)
    expect(told).toBe(1)
    expect(work.takeHere()).toEqual(id)
  })

  test('for this machine only is not handed to others', () => {
    const work = listOf(1)
    const job = work.takeElsewhere() as SliceRange
    work.keepHere({ tensor: 0, slice: 0 })
    work.giveBack(job)
    expect(work.takeElsewhere()).toBeUndefined()
    expect(work.takeForHere()).toEqual({ tensor: 0, slice: 0 })
    expect(work.takeForHere()).toBeUndefined()
  })
})

describe('slices of twins', () => {
  test('are handed out together, as far as nobody has them and they are not done', () => {
    const plan = twinsOf(3)
    const [a, b] = [0, 1].map((tensor) => [0, 1, 2].map((slice) => ({ tensor, slice }))) as [SliceId[], SliceId[]]
    const work = new WorkList(plan, [...a, ...b.slice(1)])
    const together = () => {
      const first = work.takeHere()
      return first === undefined ? undefined : work.togetherWith(first)
    }
    expect(together()).toEqual([a[0]])
    expect(together()).toEqual([a[1], b[1]])
    expect(together()).toEqual([a[2], b[2]])
    expect(together()).toBeUndefined()
  })

  test('are one job for other machines, which is settled when all have come', async () => {
    const plan = twinsOf(2)
    const work = new WorkList(plan, everySlice(plan))
    const job = { tensor: 0, firstSlice: 0, slices: 2 }
    expect(work.takeElsewhere()).toEqual(job)
    expect(work.takeElsewhere()).toBeUndefined()
    expect(work.wanted(job).toSorted((one, other) => one.slice - other.slice)).toEqual([
      ...[0, 1].map((tensor) => ({ tensor, slice: 0 })),
      ...[0, 1].map((tensor) => ({ tensor, slice: 1 })),
    ])
    let settled = false
    const settling = work.settled(job).then(() => {
      settled = true
    })
    for (const id of everySlice(plan)) {
      await Promise.resolve()
      expect(settled).toBe(false)
      expect(work.arrive(id)).toBe(true)
      work.done(id)
    }
    await settling
    expect(work.isFinished).toBe(true)
  })
})

test.each([
  ['alone', planOf],
  ['of twins', twinsOf],
])(
  'whatever happens in whatever order, each slice (%s) has one owner at a time, and all are done in the end',
  (_, of) => {
    const step = fc.record({ kind: fc.nat(7), pick: fc.nat(1000) })
    fc.assert(
      fc.property(
        fc.array(fc.nat(40), { minLength: 1, maxLength: 4 }),
        fc.array(step, { maxLength: 120 }),
        (rows, steps) => {
          const plan = of(...rows.map((count) => count + 1))
          const all = everySlice(plan)
          const work = new WorkList(plan, all)
          const here = new Map<string, SliceId>()
          const arriving = new Map<string, SliceId>()
          const done = new Set<string>()
          const jobs: SliceRange[] = []
          const begin = (id: SliceId | undefined) => {
            if (id === undefined) return
            for (const one of work.togetherWith(id)) {
              for (const owner of [here, arriving, done]) expect(owner.has(keyOf(one))).toBe(false)
              here.set(keyOf(one), one)
            }
          }
          const finish = (owner: Map<string, SliceId>, pick: number) => {
            const id = [...owner.values()][pick % Math.max(1, owner.size)]
            if (id === undefined) return
            owner.delete(keyOf(id))
            done.add(keyOf(id))
            work.done(id)
          }
          const arrive = (pick: number) => {
            const id = all[pick % all.length] as SliceId
            if (!work.arrive(id)) return
            for (const owner of [here, arriving, done]) expect(owner.has(keyOf(id))).toBe(false)
            arriving.set(keyOf(id), id)
          }
          const refuse = (pick: number) => {
            const id = [...arriving.values()][pick % Math.max(1, arriving.size)]
            if (id === undefined) return
            arriving.delete(keyOf(id))
            work.refuse(id)
          }
          const play = (kind: number, pick: number) => {
            const job = jobs[pick % Math.max(1, jobs.length)]
            if (kind === 0) begin(work.takeHere())
            if (kind === 1) begin(work.takeOver())
            if (kind === 2) {
              const taken = work.takeElsewhere()
              if (taken !== undefined) jobs.push(taken)
            }
            if (kind === 3) arrive(pick)
            if (kind === 4) finish(pick % 2 === 0 ? here : arriving, pick)
            if (kind === 5 && job !== undefined) work.giveBack(job)
            if (kind === 6) work.keepHere(all[pick % all.length] as SliceId)
            if (kind === 7) refuse(pick)
          }
          for (const { kind, pick } of steps) play(kind, pick)
          for (let round = 0; round <= all.length; round++) {
            begin(work.takeHere() ?? work.takeOver())
            finish(here, 0)
            finish(arriving, 0)
          }
          expect(done.size).toBe(all.length)
          expect(work.isFinished).toBe(true)
        },
      ),
    )
  },
)
