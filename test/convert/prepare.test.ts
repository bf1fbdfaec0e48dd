import { existsSync, readFileSync } from 'node:fs'
import { mkdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Plan } from '#dist/plan/plan.js'
import { planFolder } from '../helpers/convert-folder.ts'
import { fileSha256, runPart, runToEnd } from '../helpers/partial-run.ts'
import { refusal } from '../helpers/refusal.ts'
import { changeHeader } from '../helpers/shard-surgery.ts'
import { writeSmallModel } from '../helpers/small-model.ts'
import { suiteFolder } from '../helpers/suite-folder.ts'

const root = suiteFolder()
const model = () => join(root(), 'model')
const shard = () => join(model(), 'model-00002-of-00003.safetensors')
const readme = () => join(model(), 'README.md')
const output = () => join(root(), 'out', 'small.gguf')
const part = () => `${output()}.part`
let plan: Plan
let expected = ''

beforeAll(async () => {
  await writeSmallModel(model(), { shards: 3 })
  // A whole second, which can be set again exactly.
  await utimes(shard(), new Date(1_700_000_000_000), new Date(1_700_000_000_000))
  plan = await planFolder(model(), 'Q4_K_M')
  await mkdir(join(root(), 'whole'))
  expected = (await runToEnd(plan, join(root(), 'whole', 'small.gguf'))).sha256
})
beforeEach(async () => {
  await rm(join(root(), 'out'), { recursive: true, force: true })
  await mkdir(join(root(), 'out'))
})

describe('an output that exists', () => {
  beforeEach(() => writeFile(output(), 'precious'))

  test('is refused without force and left as it is', async () => {
    const error = await refusal(runToEnd(plan, output()))
    expect(error.code).toBe('OUTPUT_EXISTS')
    expect(error.message).toContain(output())
    expect(error.hint).toContain('--force')
    expect(await readFile(output(), 'utf8')).toBe('precious')
    expect(existsSync(part())).toBe(false)
  })

  test('is refused with restart alone', async () => {
    expect((await refusal(runToEnd(plan, output(), { restart: true }))).code).toBe('OUTPUT_EXISTS')
    expect(await readFile(output(), 'utf8')).toBe('precious')
  })

  test('is replaced with force, but only once the new file is complete', async () => {
    await runPart(plan, output(), 4, { force: true })
    expect(await readFile(output(), 'utf8')).toBe('precious')
    let beforePublishing = ''
    const run = await runToEnd(plan, output(), {
      force: true,
      onEvent: ({ kind }) => {
        if (kind === 'publishing') beforePublishing = readFileSync(output(), 'utf8')
      },
    })
    expect(beforePublishing).toBe('precious')
    expect(run.sha256).toBe(expected)
  })

  test('is not replaced by going on without the force that the run began with', async () => {
    const { made } = await runPart(plan, output(), 4, { force: true })
    expect((await refusal(runToEnd(plan, output()))).code).toBe('OUTPUT_EXISTS')
    expect(await readFile(output(), 'utf8')).toBe('precious')
    expect((await runToEnd(plan, output(), { force: true })).kept).toBe(made.length)
  })
})

test('an output that appears while its conversion is interrupted is not replaced', async () => {
  const { made } = await runPart(plan, output(), 4)
  await writeFile(output(), 'precious')
  expect((await refusal(runToEnd(plan, output()))).code).toBe('OUTPUT_EXISTS')
  expect(await readFile(output(), 'utf8')).toBe('precious')
  await rm(output())
  expect(await runToEnd(plan, output())).toMatchObject({ kept: made.length, sha256: expected })
})

test('a finished conversion is made anew with force', async () => {
  const whole = await runToEnd(plan, output())
  expect(await runToEnd(plan, output(), { force: true })).toMatchObject({ kept: 0, made: whole.made, sha256: expected })
})

describe('a part file that nothing is known of', () => {
  beforeEach(() => writeFile(part(), 'of somebody else'))

  test('is refused and left as it is', async () => {
    const error = await refusal(runToEnd(plan, output()))
    expect(error.code).toBe('PART_FOREIGN')
    expect(error.message).toContain(part())
    expect(error.hint).toContain('--restart')
    expect(await readFile(part(), 'utf8')).toBe('of somebody else')
  })

  test('is refused with force too: force is for the output', async () => {
    expect((await refusal(runToEnd(plan, output(), { force: true }))).code).toBe('PART_FOREIGN')
    expect(await readFile(part(), 'utf8')).toBe('of somebody else')
  })

  test('is overwritten with restart', async () => {
    expect((await runToEnd(plan, output(), { restart: true })).sha256).toBe(expected)
  })
})

test('bookmarks of another state directory make the part file foreign, and are still good afterwards', async () => {
  const { made } = await runPart(plan, output(), 4)
  const elsewhere = { stateDirectory: join(root(), 'out', 'other-state') }
  expect((await refusal(runToEnd(plan, output(), elsewhere))).code).toBe('PART_FOREIGN')
  expect(await runToEnd(plan, output())).toMatchObject({ kept: made.length, sha256: expected })
})

test('a part file that was deleted is begun anew', async () => {
  await runPart(plan, output(), 4)
  await rm(part())
  expect(await runToEnd(plan, output())).toMatchObject({ kept: 0, sha256: expected })
})

test('a moved model folder is the same model', async () => {
  const { made } = await runPart(plan, output(), 4)
  await rename(model(), `${model()} moved`)
  try {
    const moved = await planFolder(`${model()} moved`, 'Q4_K_M')
    expect(await runToEnd(moved, output())).toMatchObject({ kept: made.length, sha256: expected })
  } finally {
    await rename(`${model()} moved`, model())
  }
})

describe('a plan that is no longer the one that was begun', () => {
  interface Change {
    readonly named: string
    readonly apply: () => Promise<Plan>
  }
  const again = () => planFolder(model(), 'Q4_K_M')
  const changes: Record<string, Change> = {
    'another type': { named: 'type was Q4_K_M, is Q5_K_M', apply: () => planFolder(model(), 'Q5_K_M') },
    'another mix': { named: 'mix was latest, is b3613', apply: () => planFolder(model(), 'Q4_K_M', 'b3613') },
    'a shard written to': {
      named: 'model-00002-of-00003.safetensors was written to since',
      apply: async () => {
        await utimes(shard(), new Date(), new Date(1_600_000_000_000))
        return again()
      },
    },
    'a shard of another size': {
      named: 'model-00002-of-00003.safetensors had',
      apply: async () => {
        await changeHeader(shard(), (header) => ({ ...header, __metadata__: { format: 'pt', note: 'longer' } }))
        return again()
      },
    },
    'a shard with another header of the same size': {
      named: 'model-00002-of-00003.safetensors has another header',
      apply: async () => {
        const { atime, mtime } = await stat(shard())
        await changeHeader(shard(), (header) => ({ ...header, __metadata__: { format: 'np' } }))
        await utimes(shard(), atime, mtime)
        return again()
      },
    },
    'another licence in its README': {
      named: 'general.license was "mit", is "apache-2.0"',
      apply: async () => {
        await writeFile(readme(), (await readFile(readme(), 'utf8')).replace('license: mit', 'license: apache-2.0'))
        return again()
      },
    },
  }

  test.each(Object.entries(changes))('%s: refused naming it, and nothing is lost', async (_, { named, apply }) => {
    const { made } = await runPart(plan, output(), 4)
    const before = await fileSha256(part())
    const original = await readFile(shard())
    const card = await readFile(readme())
    const { atime, mtime } = await stat(shard())
    try {
      const changed = await apply()
      const error = await refusal(runToEnd(changed, output()))
      expect(error.code).toBe('PLAN_CHANGED')
      expect(error.message).toContain(named)
      expect(await fileSha256(part())).toBe(before)
    } finally {
      await writeFile(shard(), original)
      await utimes(shard(), atime, mtime)
      await writeFile(readme(), card)
    }
    const restored = await again()
    expect(await runToEnd(restored, output())).toMatchObject({ kept: made.length, discarded: 0, sha256: expected })
  })

  test('begins anew with restart', async () => {
    await runPart(plan, output(), 4)
    const other = await planFolder(model(), 'Q5_K_M')
    const run = await runToEnd(other, output(), { restart: true })
    expect(run.kept).toBe(0)
    expect(run.sha256).not.toBe(expected)
    expect(run.sha256).toBe((await runToEnd(other, join(root(), 'whole', 'other.gguf'))).sha256)
  })
})
