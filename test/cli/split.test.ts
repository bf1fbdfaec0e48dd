import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { mibera } from '../helpers/command-line.ts'
import { llamaMetadata, llamaTensors, writeFilledGguf, writeSplitGguf } from '../helpers/filled-gguf.ts'
import { suiteFolder } from '../helpers/suite-folder.ts'

const root = suiteFolder()
const run = (...words: string[]) => mibera(['--state-dir', join(root(), 'state'), 'convert', ...words], { cwd: root() })
const halves = ['--type', 'Q8_0', '--split-max-tensors', '10'] as const
const made = async (beginning: string) => (await readdir(root())).filter((name) => name.startsWith(beginning)).sort()

beforeAll(() => writeFilledGguf(join(root(), 'little-f16.gguf'), llamaMetadata(), llamaTensors('F16')))

test('--out may name the first file of a split, whatever number of files it then has', async () => {
  expect((await run('little-f16.gguf', ...halves, '--out', 's-00001-of-00007.gguf')).status).toBe(0)
  expect((await made('s-')).filter((name) => name.endsWith('.gguf'))).toEqual([
    's-00001-of-00002.gguf',
    's-00002-of-00002.gguf',
  ])
  const again = await run('little-f16.gguf', ...halves, '--out', 's.gguf')
  expect(again).toMatchObject({ status: 5, stderr: expect.stringContaining('s-00001-of-00002.gguf exists already') })
})

test('files of another split of that name stay, and are named', async () => {
  for (const number of [1, 2, 3]) await writeFile(join(root(), `t-0000${number}-of-00003.gguf`), 'old')
  const { status, stderr } = await run('little-f16.gguf', ...halves, '--out', 't.gguf')
  expect(status).toBe(0)
  expect(stderr.replaceAll(/\s+/g, ' ')).toMatch(/t-00001-of-00003\.gguf and 2 more of an earlier split stay/)
  expect((await made('t-')).filter((name) => name.endsWith('-of-00003.gguf')).length).toBe(3)
})

test('a split model is not taken for an earlier output of itself', async () => {
  const tensors = llamaTensors('F16')
  await writeSplitGguf(join(root(), 'u'), llamaMetadata(), [
    tensors.slice(0, 6),
    tensors.slice(6, 12),
    tensors.slice(12),
  ])
  const { status, stderr } = await run('u-00001-of-00003.gguf', ...halves, '--out', 'u.gguf')
  expect(status).toBe(0)
  expect(stderr).not.toContain('earlier split')
})
