import { existsSync } from 'node:fs'
import { link, mkdir, readdir, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Plan } from '#dist/plan/plan.js'
import { planFolder } from '../helpers/convert-folder.ts'
import { fileSha256, runToEnd } from '../helpers/partial-run.ts'
import { refusal } from '../helpers/refusal.ts'
import { writeSmallModel } from '../helpers/small-model.ts'
import { suiteFolder } from '../helpers/suite-folder.ts'

const root = suiteFolder()
const model = () => join(root(), 'model')
const shard = () => join(model(), 'model-00001-of-00003.safetensors')
const output = () => join(root(), 'out', 'small.gguf')
const state = () => join(root(), 'state')
let plan: Plan
let shardSha256 = ''

beforeAll(async () => {
  await writeSmallModel(model(), { shards: 3 })
  plan = await planFolder(model(), 'Q4_K_M')
  shardSha256 = await fileSha256(shard())
})
beforeEach(async () => {
  await rm(join(root(), 'out'), { recursive: true, force: true })
  await mkdir(join(root(), 'out'))
})

describe('an output that is a source is refused, whatever is forced', () => {
  /** Makes an output out of a source; gives the output's path. */
  const disguises: Record<string, () => Promise<string>> = {
    'by the same path': async () => shard(),
    'by a roundabout path': async () => join(model(), '..', 'model', 'model-00001-of-00003.safetensors'),
    'by a hard link': async () => {
      await link(shard(), output())
      return output()
    },
    'by a hard link where the part file will be': async () => {
      await link(shard(), `${output()}.part`)
      return output()
    },
    'by a hard link where the report will be': async () => {
      await link(shard(), `${output()}.report.json`)
      return output()
    },
  }
  if (process.platform !== 'win32') {
    disguises['by a symbolic link'] = async () => {
      await symlink(shard(), output())
      return output()
    }
    disguises['by a symbolic link to the folder'] = async () => {
      await symlink(model(), join(root(), 'out', 'linked'))
      return join(root(), 'out', 'linked', 'model-00001-of-00003.safetensors')
    }
  }

  test.each(Object.entries(disguises))('%s', async (_, disguise) => {
    const path = await disguise()
    const error = await refusal(runToEnd(plan, path, { force: true, restart: true, stateDirectory: state() }))
    expect(error.code).toBe('OUTPUT_IS_SOURCE')
    expect(error.message).toContain('model-00001-of-00003.safetensors')
    expect(await fileSha256(shard())).toBe(shardSha256)
  })
})

test('too little free disk is said before anything is written, with both numbers', async () => {
  // 4 EiB: more than any disk has.
  const error = await refusal(
    runToEnd({ ...plan, files: plan.files.map((file) => ({ ...file, size: 2 ** 62 })) }, output(), {
      stateDirectory: state(),
    }),
  )
  expect(error.code).toBe('DISK_TOO_SMALL')
  expect(error.message).toMatch(/needs 4096 PiB of disk, only [\d.]+ [KMGTP]?i?B are free/)
  expect(error.retry).toBe(true)
  expect(await readdir(join(root(), 'out'))).toEqual([])
})

test('an output in a folder that does not exist is trouble with a path, not a bug', async () => {
  const path = join(root(), 'out', 'none', 'small.gguf')
  const error = await refusal(runToEnd(plan, path, { stateDirectory: state() }))
  expect(error.code).toBe('IO')
  expect(error.message).toContain(path)
  expect(existsSync(path)).toBe(false)
})
