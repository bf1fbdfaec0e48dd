import { mkdir, writeFile } from 'node:fs/promises'
import { delimiter, join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { MiberaError } from '#dist/base/errors.js'
import { loadSettings, type RawSettings } from '#dist/daemon/settings.js'
import { temporaryFolder } from '../helpers/temporary-folder.ts'

async function withFile(settings: unknown): Promise<string> {
  const folder = await temporaryFolder()
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'settings.json'), typeof settings === 'string' ? settings : JSON.stringify(settings))
  return folder
}

test('a flag counts before the environment, that before the file, that before the default', async () => {
  const folder = await withFile({ threads: 3, quietTime: 30, type: ['Q2_K'], poll: true })
  const environment = { MIBERA_THREADS: '5', MIBERA_QUIET_TIME: '20', MIBERA_MAX_MEMORY: '512M' }
  const { values, sources } = loadSettings(folder, { threads: 7 }, environment)
  expect(values).toMatchObject({ threads: 7, quietTime: 20, type: ['Q2_K'], poll: true, maxMemory: 512 * 2 ** 20 })
  expect(sources).toMatchObject({ threads: 'flag', quietTime: 'environment', type: 'file', mix: 'default' })
})

test('without any, there are defaults that do nothing by themselves', async () => {
  const { values, sources } = loadSettings(await temporaryFolder(), {}, {})
  expect(values).toMatchObject({ watch: [], reclaimSource: false, poll: false, mix: 'latest' })
  expect(values.maxMemory).toBeLessThanOrEqual(2 ** 30)
  expect(new Set(Object.values(sources))).toEqual(new Set(['default']))
})

test('lists and switches have a form for the environment', async () => {
  const environment = {
    MIBERA_WATCH: [resolve('/a b'), resolve('/c')].join(delimiter),
    MIBERA_TYPE: 'q3_k_m,Q2K',
    MIBERA_POLL: '1',
    MIBERA_RECLAIM_SOURCE: 'false',
  }
  const { values } = loadSettings(await temporaryFolder(), {}, environment)
  expect(values).toMatchObject({
    watch: [resolve('/a b'), resolve('/c')],
    type: ['Q3_K_M', 'Q2_K'],
    poll: true,
    reclaimSource: false,
  })
})

test("the file's paths are relative to the state directory, those of flags to the current folder", async () => {
  const folder = await withFile({ watch: ['models'], out: 'out' })
  expect(loadSettings(folder, {}, {}).values).toMatchObject({
    watch: [join(folder, 'models')],
    out: join(folder, 'out'),
  })
  expect(loadSettings(folder, { watch: ['models', './models'] }, {}).values.watch).toEqual([resolve('models')])
})

describe('what is not lawful is refused, and the message names where it stands', () => {
  function refused(folder: string, flags: RawSettings, environment: Record<string, string>): MiberaError {
    try {
      loadSettings(folder, flags, environment)
    } catch (error) {
      if (error instanceof MiberaError) return error
      throw error
    }
    throw new Error('was not refused')
  }

  const places: [string, unknown, Record<string, string>, string][] = [
    ['an unknown name', { thread: 2 }, {}, 'Did you mean "threads"?'],
    ['a type', { type: ['Q9_K'] }, {}, '"type" in '],
    ['no type', { type: [] }, {}, 'at least one'],
    ['a number of threads', { threads: 0 }, {}, '"threads" in '],
    ['a size', {}, { MIBERA_MAX_MEMORY: 'much' }, 'MIBERA_MAX_MEMORY'],
    ['a switch', {}, { MIBERA_POLL: 'perhaps' }, 'MIBERA_POLL'],
    ['a list as a file', [], {}, 'settings.json'],
    ['what is not JSON', '{"threads": 2', {}, 'settings.json'],
  ]
  test.each(places)('%s', async (_, file, environment, says) => {
    const error = refused(await withFile(file), {}, environment)
    expect(error.code).toBe('USAGE')
    expect(`${error.message} ${error.hint}`).toContain(says)
  })
})
