import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { openLocalFile } from '#dist/disk/local-file.js'
import { readGguf } from '#dist/formats/gguf/reader.js'
import { string } from '#dist/formats/gguf/values.js'
import { mibera } from '../helpers/command-line.ts'
import { startDaemon } from '../helpers/daemon.ts'
import { llamaMetadata, llamaTensors, writeFilledGguf } from '../helpers/filled-gguf.ts'
import { suiteFolder } from '../helpers/suite-folder.ts'

const root = suiteFolder()
const file = (name: string) => join(root(), name)

beforeAll(async () => {
  const metadata = llamaMetadata([['general.name', string('Little Llama')]])
  await writeFilledGguf(file('little-f16.gguf'), metadata, llamaTensors('F16'))
  await writeFile(file('types.txt'), 'attn_v=q8_0 ffn_down=IQ4_NL\n\nattn=F16\n')
})

const run = (...words: string[]) => mibera(['--state-dir', file('state'), ...words], { cwd: root() })

/** Types of the tensors of a GGUF in the folder, by name, and its metadata. */
async function contentOf(name: string) {
  const source = await openLocalFile(file(name))
  try {
    const { tensors, metadata } = await readGguf(source)
    return { types: Object.fromEntries(tensors.map((tensor) => [tensor.name, tensor.type])), metadata }
  } finally {
    await source.close()
  }
}

const wishes = ['--tensor-type', 'blk.0.attn_v=Q5_0', '--tensor-type-file', 'types.txt', '--leave-output-tensor']
const keys = ['--override-kv', 'my.key=int:7', '--override-kv', 'general.name=str:Renamed']

test('convert gives tensors the types asked for, those of the command line before those of the file', async () => {
  const end = await run('convert', 'little-f16.gguf', '--type', 'Q4_K_M', '--out', 'wished.gguf', ...wishes, ...keys)
  expect(end).toMatchObject({ status: 0 })
  const { types, metadata } = await contentOf('wished.gguf')
  expect(types).toMatchObject({
    'blk.0.attn_v.weight': 'Q5_0',
    'blk.1.attn_v.weight': 'Q8_0',
    'blk.1.ffn_down.weight': 'IQ4_NL',
    'blk.1.attn_q.weight': 'F16',
    'blk.1.ffn_up.weight': 'Q4_K',
    'output.weight': 'F16',
  })
  expect(metadata.get('my.key')).toEqual({ type: 'u32', value: 7 })
  expect(metadata.get('general.name')).toEqual({ type: 'string', value: 'Renamed' })
})

test('a daemon makes the same file of the same command, and refuses another for the same output', async () => {
  const state = file('daemon-state')
  const { client } = await startDaemon(state, ['--threads', '1'])
  const words = ['convert', 'little-f16.gguf', '--state-dir', state, '--type', 'Q4_K_M', '--out', 'by-daemon.gguf']
  const end = await mibera([...words, ...wishes, ...keys], { cwd: root() })
  expect(end).toMatchObject({ status: 0 })
  expect(await readFile(file('by-daemon.gguf'))).toEqual(await readFile(file('wished.gguf')))
  const jobs = await client.ask<{ options: object }[]>('GET', '/v1/jobs')
  expect(jobs?.[0]?.options).toEqual({
    overrideKv: ['my.key=int:7', 'general.name=str:Renamed'],
    types: {
      leaveOutput: true,
      tensorTypes: [
        ['blk.0.attn_v', 'Q5_0'],
        ['attn_v', 'Q8_0'],
        ['ffn_down', 'IQ4_NL'],
        ['attn', 'F16'],
      ],
    },
  })
  const job = { model: file('little-f16.gguf'), output: file('other.gguf'), recipe: 'Q4_K_M' }
  const refused = client.ask('POST', '/v1/jobs', { ...job, options: { types: { tensorTypes: [['a(', 'Q8_0']] } } })
  await expect(refused).rejects.toMatchObject({
    code: 'USAGE',
    message: expect.stringContaining('not a lawful regular'),
  })
  await client.stop()
})

test('a dry run shows every tensor and writes nothing', async () => {
  const before = await readdir(root())
  const words = ['convert', 'little-f16.gguf', '--type', 'Q3_K_M,Q8_0', '--dry-run', '--pure']
  const { stdout, status } = await run(...words)
  expect(status).toBe(0)
  const [, why] = /^blk\.1\.ffn_down\.weight +24 x 256 +F16 +Q3_K +2\.58 KiB +(\(\d+\))$/m.exec(stdout) ?? []
  expect(stdout).toContain(`\n${why} --pure\n`)
  expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([])
  expect(stdout).toMatch(/^little-Q8_0\.gguf: 107 KiB$/m)
  const { files } = JSON.parse((await run(...words, '--json')).stdout)
  expect(files.map(({ recipe }: { recipe: string }) => recipe)).toEqual(['Q3_K_M', 'Q8_0'])
  expect(files[1].tensors).toContainEqual(
    expect.objectContaining({ name: 'blk.1.attn_v.weight', from: 'F16', type: 'Q8_0', reason: '--pure' }),
  )
  expect(await readdir(root())).toEqual(before)
})

test('the size of a dry run is that of the file', async () => {
  const { stdout } = await run('convert', 'little-f16.gguf', ...wishes, ...keys, '--dry-run', '--json')
  const { length } = await readFile(file('wished.gguf'))
  expect(JSON.parse(stdout)).toMatchObject({ size: length, files: [{ recipe: 'Q4_K_M', size: length }] })
})

test('what has no effect is said', async () => {
  const { stderr } = await run(
    ...['convert', 'little-f16.gguf', '--dry-run', '--type', 'Q8_0,F16', '--tensor-type', 'attn_vv=Q5_0'],
    ...['--override-kv', 'llama.contxt_length=int:5', '--override-kv', 'phi3.block_count=int:5'],
    ...['--override-kv', 'other.thing=int:5', '--override-kv', 'llama.thing=int:5'],
  )
  const said = stderr.replaceAll(/\s+/g, ' ')
  expect(said).toContain('Note: --tensor-type has no effect on F16, as in llama-quantize')
  expect(said).toContain('no tensor has that in its name; did you mean attn_v?')
  expect(said).toContain('adds a key; did you mean llama.context_length?')
  expect(said).toContain('--override-kv phi3.block_count adds a key; did you mean llama.block_count?')
  expect(said).toContain('--override-kv other.thing adds a key that llama.cpp does not read')
  expect(said).not.toContain('llama.thing')
})

test.each([
  [['--tensor-type', 'attn_v=Q6K'], 'USAGE', 'Did you mean Q6_K?'],
  [['--token-embedding-type', 'q4_k_m'], 'USAGE', 'Did you mean Q4_K?'],
  [['--tensor-type-file', 'nowhere.txt'], 'IO', 'nowhere.txt'],
  [['--override-kv', 'a=arr:[1]'], 'USAGE', '"arr" is none of the types int, float, bool, str'],
  [['--override-kv', 'a=int:4294967296'], 'USAGE', 'below 2^32'],
  [['--override-kv', 'a=bool:yes'], 'USAGE', 'a bool is true or false'],
  [['--override-kv', 'general.alignment=int:64'], 'USAGE', 'how the file is laid out'],
  [['--override-kv', 'ab'], 'USAGE', 'it is not KEY=TYPE:VALUE'],
])('%j is refused with one clear error', async (words, code, text) => {
  const { status, stderr, stdout } = await run('plan', 'little-f16.gguf', '--json', ...words)
  expect(status).not.toBe(0)
  expect(`${stdout}${stderr}`).toContain(code)
  expect(`${stdout}${stderr}`.replaceAll(/\s+/g, ' ').replaceAll('\\"', '"')).toContain(text)
})
