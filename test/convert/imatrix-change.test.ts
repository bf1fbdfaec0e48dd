import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { GivenImportance } from '#dist/plan/importance.js'
import { planOutputs } from '../helpers/convert-folder.ts'
import { runPart, runToEnd } from '../helpers/partial-run.ts'
import { givenImatrix, randomEntries } from '../helpers/random-imatrix.ts'
import { refusal } from '../helpers/refusal.ts'
import { writeSmallModel } from '../helpers/small-model.ts'
import { suiteFolder } from '../helpers/suite-folder.ts'

const root = suiteFolder()
const model = () => join(root(), 'model')
const output = () => join(root(), 'out', 'small.gguf')
let first: GivenImportance
let second: GivenImportance

const plan = (importance?: GivenImportance) =>
  planOutputs(model(), ['Q4_K_M'], importance === undefined ? {} : { importance })

beforeAll(async () => {
  await writeSmallModel(model())
  const { tensors } = await plan()
  first = await givenImatrix('i.gguf', randomEntries(tensors, 1))
  second = await givenImatrix('i.gguf', randomEntries(tensors, 2))
})
beforeEach(async () => {
  await rm(join(root(), 'out'), { recursive: true, force: true })
  await mkdir(join(root(), 'out'))
})

describe('a conversion that was begun with an importance matrix', () => {
  test('goes on with it, to the bytes of a run in one go', async () => {
    const whole = await runToEnd(await plan(first), output())
    await rm(output())
    const part = await runPart(await plan(first), output(), 4, { force: true })
    const rest = await runToEnd(await plan(first), output(), { force: true })
    expect(rest).toMatchObject({ kept: part.made.length, sha256: whole.sha256 })
  })

  test('is not gone on with another content, another file or without: the message says so', async () => {
    await runPart(await plan(first), output(), 4)
    const changed = await refusal(runToEnd(await plan(second), output()))
    expect(changed.code).toBe('PLAN_CHANGED')
    expect(changed.message).toContain('the importance matrix i.gguf has another content')
    const renamed = await refusal(runToEnd(await plan({ ...second, file: 'j.gguf' }), output()))
    expect(renamed.message).toContain('the importance matrix was i.gguf, is j.gguf')
    const without = await refusal(runToEnd(await plan(), output()))
    expect(without.message).toContain('it had the importance matrix i.gguf, now it has none')
  })

  test('nor is one that was begun without gone on with one', async () => {
    await runPart(await plan(), output(), 4)
    const error = await refusal(runToEnd(await plan(first), output()))
    expect(error.message).toContain('it had no importance matrix, now it has i.gguf')
  })
})
