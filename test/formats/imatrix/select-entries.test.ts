import { expect, test } from 'vitest'
import { MiberaError } from '#dist/base/errors.js'
import { readImatrix } from '#dist/formats/imatrix/read-imatrix.js'
import { selectEntries } from '#dist/formats/imatrix/select-entries.js'
import { legacyImatrix } from '../../helpers/imatrix-files.ts'
import { memorySource } from '../../helpers/memory-source.ts'

const names = ['blk.0.attn_q.weight', 'blk.1.attn_q.weight', 'blk.0.ffn_down.weight', 'output.weight']
const bytes = legacyImatrix(names.map((name) => ({ name, sums: [1], counts: [1] })))

async function selected(include: string[], exclude: string[]): Promise<string[]> {
  return [...selectEntries(await readImatrix(memorySource(bytes)), { include, exclude }).entries.keys()]
}

test('all entries count where nothing is named', async () => {
  expect(await selected([], [])).toEqual(names)
})

test('those count whose name contains a part that is included', async () => {
  expect(await selected(['attn_q', 'output'], [])).toEqual([names[0], names[1], names[3]])
})

test('those do not count whose name contains a part that is excluded', async () => {
  expect(await selected([], ['blk.0.', 'output'])).toEqual([names[1]])
})

test.each([
  [['attn_k'], []],
  [[], ['attn_k']],
])('a part that no name contains is refused', async (include, exclude) => {
  await expect(selected(include, exclude)).rejects.toThrow(MiberaError)
  await expect(selected(include, exclude)).rejects.toThrow(/no entry whose name contains "attn_k"/)
})
