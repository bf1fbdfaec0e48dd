import { closeSync, openSync, writeSync } from 'node:fs'
import { cp, readFile, rm, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Plan, PlannedFile, PlannedTensor } from '#dist/plan/plan.js'
import { emptyFolder, fileSha256, type PartialRun, runPart, runToEnd, wholeConversion } from '../helpers/partial-run.ts'
import { refusal } from '../helpers/refusal.ts'
import { overwrite } from '../helpers/shard-surgery.ts'
import { suiteFolder } from '../helpers/suite-folder.ts'

const root = suiteFolder()
const output = () => join(root(), 'out', 'small.gguf')
const part = () => `${output()}.part`
const state = () => join(root(), 'out', 'state')
let plan: Plan
let file: PlannedFile
let expected = ''
let slices = 0

beforeAll(async () => {
  ;({ plan, sha256: expected, made: slices } = await wholeConversion(root(), 'Q3_K_M', { shards: 3 }))
  file = plan.files[0] as PlannedFile
})
emptyFolder(() => join(root(), 'out'))

/** What a sector of a disk reads as after it lost what was written to it. */
async function zero(position: number, length: number): Promise<void> {
  await overwrite(part(), position, new Uint8Array(length))
}

/** Of memory, and of most file systems. */
const page = 4096

function largest(tensors: readonly PlannedTensor[]): PlannedTensor {
  return tensors.reduce((most, tensor) => (tensor.byteLength > most.byteLength ? tensor : most))
}

/** Two tensors of one slice each whose blocks take the same room. */
function sameLength(tensors: readonly PlannedTensor[]): readonly [PlannedTensor, PlannedTensor] {
  for (const one of tensors) {
    const other = tensors.find((tensor) => tensor !== one && tensor.byteLength === one.byteLength)
    if (other !== undefined) return [one, other]
  }
  throw new Error('no two tensors have the same length')
}

describe('an unfinished file that was damaged ends in the same bytes', () => {
  let begun: PartialRun

  beforeEach(async () => {
    begun = await runPart(plan, output(), 8)
  })

  test('with nothing damaged: only what was missing is made', async () => {
    const run = await runToEnd(plan, output())
    expect(run).toMatchObject({ kept: begun.made.length, discarded: 0, sha256: expected })
    expect(run.made).toBe(slices - begun.made.length)
  })

  test('with some zeros in a bookmarked slice: that slice alone is made again', async () => {
    const tensor = begun.made[1]
    await zero((tensor?.offset ?? 0) + 300, 64)
    expect(await runToEnd(plan, output())).toMatchObject({
      kept: begun.made.length - 1,
      discarded: 1,
      made: slices - begun.made.length + 1,
      sha256: expected,
    })
  })

  test('with its last bookmarked byte flipped', async () => {
    const tensor = begun.made.at(-1)
    const at = (tensor?.offset ?? 0) + (tensor?.byteLength ?? 0) - 1
    const byte = (await readFile(part()))[at] ?? 0
    await overwrite(part(), at, Uint8Array.of(byte ^ 0x80))
    expect(await runToEnd(plan, output())).toMatchObject({ discarded: 1, sha256: expected })
  })

  test('with two slices in each other’s place', async () => {
    const [one, other] = sameLength(begun.made)
    const bytes = await readFile(part())
    await overwrite(part(), one.offset, bytes.subarray(other.offset, other.offset + other.byteLength))
    await overwrite(part(), other.offset, bytes.subarray(one.offset, one.offset + one.byteLength))
    expect(await runToEnd(plan, output())).toMatchObject({ discarded: 2, sha256: expected })
  })

  test('with two pages of a slice in each other’s place', async () => {
    const { offset } = largest(begun.made)
    const first = Math.ceil(offset / page) * page
    const pages = (await readFile(part())).subarray(first, first + 2 * page)
    await overwrite(part(), first, Buffer.concat([pages.subarray(page), pages.subarray(0, page)]))
    expect(await runToEnd(plan, output())).toMatchObject({ discarded: 1, sha256: expected })
  })

  test('with a page that was never written: it reads as zeros', async () => {
    const { offset } = largest(begun.made)
    await zero(Math.ceil(offset / page) * page, page)
    expect(await runToEnd(plan, output())).toMatchObject({ discarded: 1, sha256: expected })
  })

  test('with all its data lost: nothing is believed', async () => {
    await zero(file.header.length, file.size - file.header.length)
    expect(await runToEnd(plan, output())).toMatchObject({ kept: 0, discarded: begun.made.length, sha256: expected })
  })

  test.each([0, 0.5, 0.999])('cut to %f of its length', async (share) => {
    await truncate(part(), Math.floor(file.size * share))
    expect(await runToEnd(plan, output())).toMatchObject({ kept: 0, discarded: begun.made.length, sha256: expected })
  })

  test('grown by a byte', async () => {
    await truncate(part(), file.size + 1)
    expect(await runToEnd(plan, output())).toMatchObject({ discarded: begun.made.length, sha256: expected })
  })

  test('with a byte of its header changed', async () => {
    await overwrite(part(), 100, Uint8Array.of(0xff))
    expect(await runToEnd(plan, output())).toMatchObject({ discarded: begun.made.length, sha256: expected })
  })

  test('with an older copy of the bookmarks: what came later is made again', async () => {
    await cp(state(), `${state()} older`, { recursive: true })
    await runPart(plan, output(), 4)
    await rm(state(), { recursive: true })
    await cp(`${state()} older`, state(), { recursive: true })
    expect(await runToEnd(plan, output())).toMatchObject({ kept: begun.made.length, discarded: 0, sha256: expected })
  })

  test('with a power loss: what was not synced, and so not bookmarked, reads as zeros', async () => {
    await cp(state(), `${state()} older`, { recursive: true })
    const later = await runPart(plan, output(), 4)
    for (const { offset, byteLength } of later.made) await zero(offset, byteLength)
    await rm(state(), { recursive: true })
    await cp(`${state()} older`, state(), { recursive: true })
    expect(await runToEnd(plan, output())).toMatchObject({ kept: begun.made.length, discarded: 0, sha256: expected })
  })

  test('with bookmarks newer than the file: an older copy of the part file', async () => {
    await cp(part(), `${part()} older`)
    const later = await runPart(plan, output(), 4)
    await cp(`${part()} older`, part())
    expect(await runToEnd(plan, output())).toMatchObject({ discarded: later.made.length, sha256: expected })
  })
})

describe('a file that the disk does not give back as it was written', () => {
  /** Changes a byte of the part file when the read-back begins. */
  function damageAt(position: number) {
    return ({ kind }: { readonly kind: string }) => {
      if (kind !== 'reading-back') return
      const file = openSync(part(), 'r+')
      writeSync(file, Uint8Array.of(0xee), 0, 1, position)
      closeSync(file)
    }
  }

  test('in a tensor: it gets no name, and the next run repairs that slice alone', async () => {
    const tensor = plan.tensors.at(-1)
    const onEvent = damageAt((tensor?.offset ?? 0) + 11)
    const error = await refusal(runToEnd(plan, output(), { onEvent }))
    expect(error.code).toBe('VERIFICATION_FAILED')
    expect(error.subject).toBe(tensor?.name)
    await expect(readFile(output())).rejects.toThrow()
    expect(await runToEnd(plan, output())).toMatchObject({ kept: slices - 1, discarded: 1, sha256: expected })
  })

  test('in the header: it gets no name, and the next run begins anew', async () => {
    const error = await refusal(runToEnd(plan, output(), { onEvent: damageAt(50) }))
    expect(error.code).toBe('VERIFICATION_FAILED')
    expect(error.message).toContain('header')
    await expect(readFile(output())).rejects.toThrow()
    await runToEnd(plan, output())
    expect(await fileSha256(output())).toBe(expected)
  })
})
