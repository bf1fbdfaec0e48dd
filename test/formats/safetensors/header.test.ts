import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readShardHeader } from '#dist/formats/safetensors/header.js'
import { encodeHeader, headerOf, rawSafetensors, tensorBytes } from '../../../fixtures/safetensors-file.ts'
import { memorySource } from '../../helpers/memory-source.ts'

const tensor = fc.record({
  dtype: fc.constantFrom('F32', 'F16', 'BF16', 'I64', 'F8_E4M3', 'BOOL'),
  shape: fc.array(fc.nat(5), { maxLength: 4 }),
})

test('every lawful header is read as it was written, in whatever order it names the tensors', async () => {
  const tensors = fc
    .uniqueArray(fc.tuple(fc.string({ unit: 'grapheme', minLength: 1 }), tensor), {
      selector: ([name]) => name,
      maxLength: 8,
    })
    .map((named) => named.map(([name, rest]) => ({ name, ...rest })))
  await fc.assert(
    fc.asyncProperty(tensors, fc.nat(7), fc.boolean(), async (written, padding, reversed) => {
      fc.pre(!written.some(({ name }) => name === '__metadata__' || name === '__proto__'))
      const entries = Object.entries(headerOf(written))
      const json = JSON.stringify(Object.fromEntries(reversed ? entries.toReversed() : entries)) + ' '.repeat(padding)
      const header = encodeHeader(json)
      const data = written.reduce((sum, one) => sum + tensorBytes(one), 0)
      const read = await readShardHeader(memorySource(rawSafetensors(json, data)), 'shard')
      let offset = header.length
      const expected = written.map(({ name, dtype, shape }) => {
        const byteLength = tensorBytes({ name, dtype, shape })
        offset += byteLength
        return { name, dtype, shape, offset: offset - byteLength, byteLength }
      })
      expect(new Map(read.tensors.map((one) => [one.name, one]))).toEqual(
        new Map(expected.map((one) => [one.name, one])),
      )
    }),
  )
})

test('the digest covers the length bytes and the header, not the data', async () => {
  const json = JSON.stringify(headerOf([{ name: 'a', dtype: 'F32', shape: [2] }]))
  const bytes = rawSafetensors(json, 8)
  const other = Uint8Array.from(bytes).fill(7, bytes.length - 8)
  const digest = createHash('sha256').update(encodeHeader(json)).digest('hex')
  expect((await readShardHeader(memorySource(bytes), 'shard')).sha256).toBe(digest)
  expect((await readShardHeader(memorySource(other), 'shard')).sha256).toBe(digest)
})

test('only the header is read', async () => {
  const json = JSON.stringify(headerOf([{ name: 'a', dtype: 'F32', shape: [2 ** 30, 2 ** 10] }]))
  const header = encodeHeader(json)
  const source = memorySource(header, header.length + 2 ** 42)
  const { tensors } = await readShardHeader(source, 'shard')
  expect(tensors[0]?.byteLength).toBe(2 ** 42)
  expect(source.bytesRead).toBeLessThan(header.length + 100)
})
