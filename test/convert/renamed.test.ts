import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Database } from '#dist/disk/sqlite.js'
import { convertFolder } from '../helpers/convert-folder.ts'
import { fileSha256 } from '../helpers/partial-run.ts'
import { refusal } from '../helpers/refusal.ts'
import { overwrite } from '../helpers/shard-surgery.ts'
import { writeSmallModel } from '../helpers/small-model.ts'
import { temporaryFolder } from '../helpers/temporary-folder.ts'

/** As after a process that died between the rename and the record of it. */
async function diedAfterRename(folder: string): Promise<string> {
  await writeSmallModel(folder)
  const output = join(folder, 'out.gguf')
  await convertFolder(folder, 'Q8_0', output)
  const database = new Database(join(folder, 'state', 'mibera.db'))
  database.prepare("UPDATE conversion SET state = 'publishing', ended_ms = NULL").run()
  database.close()
  return output
}

test('a process that died just after the rename: the next one verifies the file and records it as done', async () => {
  const folder = await temporaryFolder()
  const output = await diedAfterRename(folder)
  const before = await fileSha256(output)
  await rm(`${output}.report.json`)
  expect((await convertFolder(folder, 'Q8_0', output)).kind).toBe('published')
  expect(await fileSha256(output)).toBe(before)
  expect((await refusal(convertFolder(folder, 'Q8_0', output))).code).toBe('OUTPUT_EXISTS')
})

test('a file damaged after its rename is refused, and the hint makes it anew', async () => {
  const folder = await temporaryFolder()
  const output = await diedAfterRename(folder)
  const before = await fileSha256(output)
  await overwrite(output, 2_000_000, new Uint8Array(64).fill(0x5a))
  const error = await refusal(convertFolder(folder, 'Q8_0', output))
  expect(error.code).toBe('VERIFICATION_FAILED')
  expect(error.hint).toContain('--restart --force')
  await convertFolder(folder, 'Q8_0', output, { restart: true, force: true })
  expect(await fileSha256(output)).toBe(before)
})
