import { statfsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { planFolder } from '../helpers/convert-folder.ts'
import { fileSha256, runToEnd } from '../helpers/partial-run.ts'
import { refusal } from '../helpers/refusal.ts'
import { fillDisk, freeDisk, noSmallDisk, smallDisk } from '../helpers/small-disk.ts'
import { writeSmallModel } from '../helpers/small-model.ts'
import { suiteFolder } from '../helpers/suite-folder.ts'

const megabyte = 2 ** 20

const missing = noSmallDisk()
if (missing !== undefined) console.warn(`Not tested: disks that fill up. ${missing}.`)

describe.skipIf(missing !== undefined)('a small disk', () => {
  const root = suiteFolder()

  test.each(['on another disk', 'on the same disk'])(
    'that fills up while it is written to leaves a resumable conversion, with the bookmarks %s',
    async (where) => {
      await writeSmallModel(root())
      const plan = await planFolder(root(), 'Q8_0')
      const expected = (await runToEnd(plan, join(root(), 'whole.gguf'), { force: true })).sha256
      const disk = await smallDisk(32)
      const output = join(disk, 'small.gguf')
      const stateDirectory = where === 'on the same disk' ? join(disk, 'state') : join(root(), 'state')
      const settings = { stateDirectory, batch: { milliseconds: 0, bytes: 0 } }

      let made = 0
      const error = await refusal(
        runToEnd(plan, output, {
          ...settings,
          onEvent: ({ kind }) => {
            if (kind === 'begun') fillDisk(disk, 3 * megabyte)
            if (kind === 'slice') made++
          },
        }),
      )
      expect(error.code).toBe('DISK_FULL')
      expect(error.hint).toContain('same command again')
      expect(made).toBeGreaterThan(0)

      // Still full: said before it begins, with both numbers.
      const refused = await refusal(runToEnd(plan, output, settings))
      expect(['DISK_TOO_SMALL', 'DISK_FULL']).toContain(refused.code)

      await freeDisk(disk)
      const run = await runToEnd(plan, output, settings)
      expect(run.kept).toBeGreaterThan(0)
      expect(run).toMatchObject({ discarded: 0, sha256: expected })
    },
  )

  test('without room for the output is refused before anything is written, with both numbers', async () => {
    await writeSmallModel(root())
    const plan = await planFolder(root(), 'Q8_0')
    const disk = await smallDisk(8)
    const error = await refusal(runToEnd(plan, join(disk, 'small.gguf'), { stateDirectory: join(root(), 'other') }))
    expect(error.code).toBe('DISK_TOO_SMALL')
    expect(error.message).toContain('needs 16.0 MiB of disk, only 8.00 MiB are free')
    expect(statfsSync(disk).bavail).toBe(statfsSync(disk).blocks)
  })

  test('that is full when the report is written leaves a conversion that only has to be named', async () => {
    await writeSmallModel(root())
    const plan = await planFolder(root(), 'Q8_0')
    const disk = await smallDisk(32)
    const output = join(disk, 'small.gguf')
    const stateDirectory = join(root(), 'third')
    const error = await refusal(
      runToEnd(plan, output, { stateDirectory, onEvent: ({ kind }) => kind === 'publishing' && fillDisk(disk, 0) }),
    )
    expect(error.code).toBe('DISK_FULL')
    await freeDisk(disk)
    const run = await runToEnd(plan, output, { stateDirectory })
    expect(run.made).toBe(0)
    expect(run.sha256).toBe(await fileSha256(output))
  })
})
