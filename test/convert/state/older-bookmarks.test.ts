import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, beforeEach, expect, test } from 'vitest'
import { Database } from '#dist/disk/sqlite.js'
import type { Plan } from '#dist/plan/plan.js'
import { sliceOf } from '#dist/plan/slices.js'
import { emptyFolder, type PartialRun, runPart, runToEnd, wholeConversion } from '../../helpers/partial-run.ts'
import { overwrite } from '../../helpers/shard-surgery.ts'
import { suiteFolder } from '../../helpers/suite-folder.ts'

const root = suiteFolder()
const output = () => join(root(), 'out', 'small.gguf')
const part = () => `${output()}.part`
let plan: Plan
let expected: string
let slices: number
let begun: PartialRun

beforeAll(async () => {
  ;({ plan, sha256: expected, made: slices } = await wholeConversion(root(), 'Q3_K_M'))
})
emptyFolder(() => join(root(), 'out'))

/** A conversion that a release left unfinished whose bookmarks had SHA-256 digests, in a database of schema 4. */
beforeEach(async () => {
  begun = await runPart(plan, output(), 8)
  const file = await readFile(part())
  const database = new Database(join(root(), 'out', 'state', 'mibera.db'))
  database.exec(`
    CREATE TABLE old AS SELECT * FROM bookmark;
    DROP TABLE bookmark;
    CREATE TABLE bookmark (
      conversion INTEGER NOT NULL REFERENCES conversion (id) ON DELETE CASCADE,
      tensor INTEGER NOT NULL, slice INTEGER NOT NULL, sha256 BLOB NOT NULL CHECK (length(sha256) = 32),
      squared_error REAL NOT NULL, energy REAL NOT NULL, compared INTEGER NOT NULL, milliseconds REAL NOT NULL,
      PRIMARY KEY (conversion, tensor, slice)
    ) STRICT, WITHOUT ROWID;`)
  database.function('digest_of', (tensor: unknown, slice: unknown) => {
    const planned = plan.tensors[Number(tensor)]
    if (planned === undefined) throw new RangeError(`no tensor ${tensor}`)
    const { offset, byteLength } = sliceOf(planned, Number(slice))
    return createHash('sha256')
      .update(file.subarray(offset, offset + byteLength))
      .digest()
  })
  database.exec(`
    INSERT INTO bookmark SELECT conversion, tensor, slice, digest_of(tensor, slice), squared_error, energy, compared,
      milliseconds FROM old;
    DROP TABLE old;`)
  database.pragma('user_version = 4')
  database.close()
})

test('a conversion that an older release began is gone on with: nothing is made twice', async () => {
  expect(await runToEnd(plan, output())).toMatchObject({
    kept: begun.made.length,
    made: slices - begun.made.length,
    discarded: 0,
    sha256: expected,
  })
})

test('damage to its slices is found', async () => {
  const tensor = begun.made[1]
  const at = (tensor?.offset ?? 0) + 300
  const byte = (await readFile(part()))[at] ?? 0
  await overwrite(part(), at, Uint8Array.of(byte ^ 1))
  expect(await runToEnd(plan, output())).toMatchObject({ kept: begun.made.length - 1, discarded: 1, sha256: expected })
})
