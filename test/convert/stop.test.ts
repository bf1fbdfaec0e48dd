import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { convert } from '#dist/convert/convert.js'
import type { ConvertEvent } from '#dist/convert/events.js'
import type { Plan } from '#dist/plan/plan.js'
import { convertOptions } from '../helpers/convert-folder.ts'
import { emptyFolder, runToEnd, wholeConversion } from '../helpers/partial-run.ts'
import { suiteFolder } from '../helpers/suite-folder.ts'

const root = suiteFolder()
const output = () => join(root(), 'out', 'small.gguf')
let plan: Plan
let expected = ''
let slices = 0

beforeAll(async () => {
  ;({ plan, sha256: expected, made: slices } = await wholeConversion(root(), 'Q4_K_M'))
})
emptyFolder(() => join(root(), 'out'))

/** Runs with a signal that is given at the first event for which `when` holds, and tells what happened. */
async function stopWhen(when: (event: ConvertEvent) => boolean) {
  const controller = new AbortController()
  const events: ConvertEvent[] = []
  const onEvent = (event: ConvertEvent) => {
    events.push(event)
    if (when(event)) controller.abort()
  }
  const outcome = await convert(plan, convertOptions(output(), { stop: controller.signal, onEvent }))
  return { kind: outcome.kind, events }
}

const kinds = (events: readonly ConvertEvent[], kind: ConvertEvent['kind']) =>
  events.filter((event) => event.kind === kind)

test('stopped before it begins: nothing is made, and the next run makes all', async () => {
  const outcome = await convert(plan, convertOptions(output(), { stop: AbortSignal.abort() }))
  expect(outcome).toEqual({ kind: 'stopped' })
  expect(existsSync(output())).toBe(false)
  expect(await runToEnd(plan, output())).toMatchObject({ kept: 0, discarded: 0, sha256: expected })
})

test('stopped while it makes slices: those in hand are finished, bookmarked and not made again', async () => {
  const { kind, events } = await stopWhen((event) => event.kind === 'slice')
  expect(kind).toBe('stopped')
  const made = kinds(events, 'slice').length
  expect(made).toBeLessThan(slices)
  expect(events.at(-1)).toEqual({ kind: 'bookmarked', slices: made })
  expect(existsSync(output())).toBe(false)
  expect(await runToEnd(plan, output())).toMatchObject({ kept: made, discarded: 0, made: slices - made })
})

test.each(['reading-back', 'read-back'] as const)('stopped at "%s": the file gets no name yet', async (moment) => {
  const { kind, events } = await stopWhen((event) => event.kind === moment)
  expect(kind).toBe('stopped')
  expect(kinds(events, 'read-back').length).toBeLessThan(plan.tensors.length)
  expect(kinds(events, 'publishing')).toEqual([])
  expect(existsSync(output())).toBe(false)
  expect(await runToEnd(plan, output())).toMatchObject({ kept: slices, made: 0, sha256: expected })
})

test('stopped while it checks what an earlier run left: nothing of that is lost', async () => {
  await stopWhen((event) => event.kind === 'reading-back')
  const { kind, events } = await stopWhen((event) => event.kind === 'checking')
  expect(kind).toBe('stopped')
  expect(kinds(events, 'discarded')).toEqual([])
  expect(await runToEnd(plan, output())).toMatchObject({ kept: slices, discarded: 0, sha256: expected })
})

test('stopped too late: a file that is being published is published', async () => {
  expect((await stopWhen((event) => event.kind === 'publishing')).kind).toBe('published')
  expect(existsSync(output())).toBe(true)
})
