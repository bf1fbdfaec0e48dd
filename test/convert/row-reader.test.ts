import { appendFile, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { SliceInput } from '#dist/convert/protocol.js'
import { type BringRows, RowReader } from '#dist/convert/row-reader.js'
import { type LocalFile, openLocalFile } from '#dist/disk/local-file.js'
import { refusal } from '../helpers/refusal.ts'
import { suiteFolder } from '../helpers/suite-folder.ts'

/** Rows of 5 F16: the first two and a half from the second file, the others from the first. */
const columns = 5
const rows = 7
const rowBytes = 2 * columns
const slice: SliceInput = {
  rows,
  weights: rows * columns,
  input: {
    kind: 'segments',
    dtype: 'F16',
    segments: [
      { source: 1, offset: 8, byteLength: 25, target: 0 },
      { source: 0, offset: 3, byteLength: 45, target: 25 },
    ],
  },
}
const address = 32
const expected = [...bytesFrom(100 + 8, 25), ...bytesFrom(3, 45)]

function bytesFrom(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first + index)
}

describe('the rows of a slice', () => {
  const root = suiteFolder()
  const memory = { buffer: new ArrayBuffer(128) }
  const bytes = new Uint8Array(memory.buffer)
  let files: LocalFile[]

  beforeAll(async () => {
    await writeFile(join(root(), '0'), new Uint8Array(bytesFrom(0, 100)))
    await writeFile(join(root(), '1'), new Uint8Array(bytesFrom(100, 100)))
    files = await Promise.all(['0', '1'].map((name) => openLocalFile(join(root(), name))))
    return async () => {
      await Promise.all(files.map((file) => file.close()))
    }
  })

  beforeEach(() => {
    bytes.fill(0)
  })

  function inMemory(): number[] {
    return [...bytes.subarray(address, address + rows * rowBytes)]
  }

  function bringing(): BringRows {
    const bring = new RowReader(memory, files).bringing(slice, address)
    if (bring === undefined) throw new Error('nothing brings the rows')
    return bring
  }

  test('are read ahead', async () => {
    await new RowReader(memory, files).readAll(slice, address)
    expect(inMemory()).toEqual(expected)
  })

  test.each([1, 2, 3, 7])('are the same, brought %i at a time', (atATime) => {
    const bring = bringing()
    const brought: number[] = []
    for (let first = 0; first < rows; first += atATime) {
      const count = Math.min(atATime, rows - first)
      bytes.fill(0)
      bring(first, count)
      const end = address + count * rowBytes
      brought.push(...bytes.subarray(address, end))
      expect(bytes.subarray(0, address)).toEqual(new Uint8Array(address))
      expect(bytes.subarray(end)).toEqual(new Uint8Array(bytes.length - end))
    }
    expect(brought).toEqual(expected)
  })

  test('are read ahead where a source is not near', () => {
    const [near] = files
    const far = { name: 'far', size: 100, read: async () => {}, close: async () => {} }
    expect(new RowReader(memory, [near, far]).bringing(slice, address)).toBeUndefined()
  })

  test('are refused alike when the file has become shorter', async () => {
    const path = join(root(), '1')
    await truncate(path, 20)
    try {
      const ahead = await refusal(new RowReader(memory, files).readAll(slice, address))
      const now = await refusal(Promise.resolve().then(() => bringing()(0, rows)))
      expect(now).toMatchObject({ code: 'SHARD_TRUNCATED', message: ahead.message, hint: ahead.hint })
    } finally {
      await appendFile(path, new Uint8Array(bytesFrom(120, 80)))
    }
  })
})
