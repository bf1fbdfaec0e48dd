import { truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { openLocalFile } from '#dist/disk/local-file.js'
import { layOut } from '#dist/formats/gguf/layout.js'
import { readGguf } from '#dist/formats/gguf/reader.js'
import { f32, type GgufValue, i32s, strings, u32 } from '#dist/formats/gguf/values.js'
import { anyMetadata, anyTensors } from '../../helpers/gguf-arbitraries.ts'
import { writeHollowGguf } from '../../helpers/hollow-gguf.ts'
import { memorySource } from '../../helpers/memory-source.ts'
import { phi4 } from '../../helpers/model-shapes.ts'
import { temporaryFolder } from '../../helpers/temporary-folder.ts'

test('whatever can be laid out is read back the same, in the same order', async () => {
  await fc.assert(
    fc.asyncProperty(anyMetadata, anyTensors, async (metadata, tensors) => {
      const layout = layOut(metadata, tensors)
      const read = await readGguf(memorySource(layout.header, layout.size))
      expect([...read.metadata]).toEqual([...metadata])
      expect(read.tensors).toEqual(layout.tensors)
      expect(read.dataStart).toBe(layout.header.length)
      expect(read.size).toBe(layout.size)
    }),
  )
})

test('an alignment of its own is obeyed', async () => {
  const metadata = new Map([['general.alignment', u32(256)]])
  const layout = layOut(metadata, [{ name: 'a', shape: [3], type: 'F32' }])
  const read = await readGguf(memorySource(layout.header, layout.size))
  expect(read.dataStart).toBe(256)
  expect(read.tensors[0]?.offset).toBe(256)
})

test('a file that was not written here is read', async () => {
  const path = join(await temporaryFolder(), 'hollow.gguf')
  const tensors = [
    { name: 'token_embd.weight', shape: [100, 512] },
    { name: 'output_norm.weight', shape: [512] },
  ]
  await writeHollowGguf(path, phi4, tensors)
  const source = await openLocalFile(path)
  const read = await readGguf(source)
  await source.close()
  expect(read.tensors).toMatchObject(tensors.map((tensor) => ({ ...tensor, type: 'F32' })))
  expect(read.metadata.get('phi3.block_count')).toEqual(u32(40))
  expect(read.metadata.get('phi3.attention.layer_norm_rms_epsilon')).toEqual(f32(Math.fround(1e-5)))
})

test('a large vocabulary is read in pieces, and of the weights next to nothing', async () => {
  const path = join(await temporaryFolder(), 'large.gguf')
  const tokens = Array.from({ length: 200_000 }, (_, index) => `Ġtoken ${'x'.repeat(index % 40)}${index}`)
  const metadata = new Map<string, GgufValue>([
    ['tokenizer.ggml.tokens', strings(tokens)],
    ['tokenizer.ggml.token_type', i32s(tokens.map((_, index) => index))],
  ])
  const layout = layOut(metadata, [{ name: 'a', shape: [1024, 1024], type: 'F32' }])
  await writeFile(path, layout.header)
  await truncate(path, layout.size)
  const file = await openLocalFile(path)
  let bytesRead = 0
  let largest = 0
  const read = await readGguf({
    name: file.name,
    size: file.size,
    read(target, position) {
      bytesRead += target.length
      largest = Math.max(largest, target.length)
      return file.read(target, position)
    },
    close: () => file.close(),
  })
  await file.close()
  expect([...read.metadata]).toEqual([...metadata])
  expect(largest).toBeLessThanOrEqual(2 ** 20)
  expect(bytesRead).toBeLessThan(layout.header.length + 2 ** 20)
})
