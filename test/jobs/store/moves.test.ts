import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { MiberaError } from '#dist/base/errors.js'
import { openStateDatabase, type StateDatabase } from '#dist/convert/state/database.js'
import { type JobState, moves, openStates } from '#dist/jobs/states.js'
import type { JobEvent } from '#dist/jobs/store/job-events.js'
import { JobStore, leaseMilliseconds } from '#dist/jobs/store/job-store.js'
import { newJob } from '../../helpers/job-stores.ts'

const states = Object.keys(moves) as JobState[]
const outputs = ['a', 'b']
const leases = ['first process', 'second process'] as const

type Call =
  | { readonly call: 'add'; readonly store: number; readonly output: number }
  | {
      readonly call: 'move'
      readonly store: number
      readonly job: number
      readonly from: JobState
      readonly to: JobState
    }
  | { readonly call: 'take' | 'renew' | 'take-next'; readonly store: number; readonly job: number }
  | { readonly call: 'recover'; readonly store: number }
  | { readonly call: 'wait'; readonly milliseconds: number }

const store = fc.nat(1)
const job = fc.integer({ min: 1, max: 5 })
const state = fc.constantFrom(...states)
/** Nearly always a move that the table has, else most calls would be refused and few states reached. */
const move = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom(...states.flatMap((from) => moves[from].map((to) => ({ from, to })))) },
  { weight: 1, arbitrary: fc.record({ from: state, to: state }) },
)
const call: fc.Arbitrary<Call> = fc.oneof(
  fc.record({ call: fc.constant('add' as const), store, output: fc.nat(outputs.length - 1) }),
  {
    weight: 6,
    arbitrary: fc.tuple(store, job, move).map(([store, job, pair]) => ({ call: 'move' as const, store, job, ...pair })),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      call: fc.constantFrom('take' as const, 'take-next' as const, 'renew' as const),
      store,
      job,
    }),
  },
  fc.record({ call: fc.constant('recover' as const), store }),
  fc.record({
    call: fc.constant('wait' as const),
    milliseconds: fc.constantFrom(1, leaseMilliseconds / 2, leaseMilliseconds),
  }),
)

/** What the store must come to, kept without a database. */
interface Expected {
  readonly output: string
  state: JobState
  owner: number | undefined
  until: number
}

test('no sequence of calls of two stores reaches an unlawful state, and a job is never with both', () => {
  fc.assert(
    fc.property(fc.array(call, { minLength: 10, maxLength: 60 }), (calls) => {
      const folder = mkdtempSync(join(tmpdir(), 'mibera-moves-'))
      const databases = leases.map(() => openStateDatabase(folder))
      try {
        play(databases, calls)
      } finally {
        for (const database of databases) database.close()
        rmSync(folder, { recursive: true })
      }
    }),
    { numRuns: 60 },
  )
})

function play(databases: readonly StateDatabase[], calls: readonly Call[]): void {
  const clock = { now: 1 }
  const stores = databases.map((database) => new JobStore(database, () => clock.now))
  const model = new Map<number, Expected>()
  for (const call of calls) {
    if (call.call === 'wait') clock.now += call.milliseconds
    else perform(stores[call.store] as JobStore, call, model, clock.now)
    for (const [id, { state, output }] of model)
      expect(stores[0]?.get(id)).toMatchObject({ state, output: newJob(output).output })
  }
  checkHistory(stores[0] as JobStore, model)
}

function perform(
  store: JobStore,
  call: Exclude<Call, { call: 'wait' }>,
  model: Map<number, Expected>,
  now: number,
): void {
  const until = now + leaseMilliseconds
  if (call.call === 'add') {
    const output = outputs[call.output] as string
    const { id, error } = attempt(() => store.add(newJob(output)))
    if (isOpen(model, output)) expect(error).toBe('JOB_EXISTS')
    else model.set(id as number, { output, state: 'queued', owner: undefined, until: 0 })
    return
  }
  if (call.call === 'recover') {
    const gone = [...model].filter(
      ([, { owner, until }]) => owner !== undefined && (owner !== call.store || until <= now),
    )
    expect(store.recover(leases[call.store] as string).map(({ job }) => job.id)).toEqual(gone.map(([id]) => id))
    for (const [, expected] of gone) Object.assign(expected, { state: 'queued', owner: undefined })
    return
  }
  const id = call.call === 'take-next' ? (store.nextQueued()?.id ?? call.job) : call.job
  const expected = model.get(id)
  const mine = expected?.owner === call.store
  if (call.call === 'renew') {
    expect(store.renewLease(id)).toBe(mine)
    if (mine && expected !== undefined) expected.until = until
  } else if (call.call === 'move') {
    checkMove(store, call, expected, model)
  } else {
    const taken = store.take(id, leases[call.store] as string)
    expect(taken).toBe(expected?.state === 'queued')
    if (taken) Object.assign(expected as Expected, { state: 'running', owner: call.store, until })
  }
}

function checkMove(
  store: JobStore,
  { job, from, to, store: caller }: Extract<Call, { call: 'move' }>,
  expected: Expected | undefined,
  model: Map<number, Expected>,
): void {
  const { id: moved, error } = attempt(() => store.move(job, from, to))
  const lawful = moves[from].includes(to) && to !== 'running'
  const may = expected?.state === from && (expected.owner === undefined || expected.owner === caller)
  const reopens = !openStates.includes(from) && openStates.includes(to)
  if (!lawful) expect(error).toBe('INTERNAL')
  else if (may && reopens && isOpen(model, expected.output)) expect(error).toBe('JOB_EXISTS')
  else {
    expect(moved).toBe(may)
    if (may) Object.assign(expected, { state: to, owner: to === 'verifying' ? expected.owner : undefined })
  }
}

function isOpen(model: Map<number, Expected>, output: string): boolean {
  return [...model.values()].some((other) => other.output === output && openStates.includes(other.state))
}

function attempt(work: () => boolean | { readonly id: number }): { id?: number | boolean; error?: string } {
  try {
    const result = work()
    return { id: typeof result === 'boolean' ? result : result.id }
  } catch (error) {
    if (error instanceof MiberaError) return { error: error.code }
    throw error
  }
}

/** Every job's events tell a lawful way from "queued" to the state in which it is. */
function checkHistory(store: JobStore, model: ReadonlyMap<number, Expected>): void {
  const events = store.events({ limit: 10_000 })
  for (const [id, { state }] of model) {
    const steps = events
      .filter((event) => event.job === id && event.kind === 'moved')
      .map(({ detail }) => detail as Step)
    let at: JobState = 'queued'
    for (const { from, to } of steps) {
      expect(from).toBe(at)
      expect(moves[from]).toContain(to)
      at = to
    }
    expect(at).toBe(state)
  }
}

type Step = JobEvent['detail'] & { readonly from: JobState; readonly to: JobState }
