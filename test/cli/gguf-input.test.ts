import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { string } from '#dist/formats/gguf/values.js'
import { mibera } from '../helpers/command-line.ts'
import { convertGguf } from '../helpers/convert-gguf.ts'
import { startDaemon } from '../helpers/daemon.ts'
import { llamaMetadata, llamaTensors, writeFilledGguf, writeSplitGguf } from '../helpers/filled-gguf.ts'
import { suiteFolder } from '../helpers/suite-folder.ts'
import { temporaryFolder } from '../helpers/temporary-folder.ts'

const root = suiteFolder()
const file = (name: string) => join(root(), name)
const metadata = () => llamaMetadata([['general.name', string('Little Llama')]])

beforeAll(async () => {
  await writeFilledGguf(file('little-f16.gguf'), metadata(), llamaTensors('F16'))
  await convertGguf(file('little-f16.gguf'), 'Q4_K_M', file('expected.gguf'))
})

const run = (...words: string[]) => mibera(['--state-dir', file('state'), ...words], { cwd: root() })

describe('mibera on a GGUF', () => {
  test('converts it into a file called after it and the new type', async () => {
    const end = await run('convert', 'little-f16.gguf')
    expect(end).toMatchObject({ status: 0, stderr: expect.stringContaining('Little Llama (llama): 2 layers of 256') })
    expect((await readFile(file('little-Q4_K_M.gguf'))).equals(await readFile(file('expected.gguf')))).toBe(true)
  })

  test('compares the output with it, and names a file of something else', async () => {
    expect(await run('verify', 'expected.gguf', '--source', 'little-f16.gguf')).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/rows of 19 tensors quantized again, all equal/),
    })
    const more = [...llamaTensors('F16'), { name: 'more.weight', shape: [256], type: 'F32' as const }]
    await writeFilledGguf(file('other-f16.gguf'), metadata(), more)
    const other = await run('verify', 'expected.gguf', '--source', 'other-f16.gguf')
    expect(other).toMatchObject({ status: 7, stderr: expect.stringContaining('more.weight is missing') })
  })

  test('never writes over it', async () => {
    const before = await readFile(file('little-f16.gguf'))
    const end = await run('convert', 'little-f16.gguf', '--type', 'Q8_0', '--out', 'little-f16.gguf', '--force')
    expect(end).toMatchObject({ status: 5, stderr: expect.stringContaining('OUTPUT_IS_SOURCE') })
    expect((await readFile(file('little-f16.gguf'))).equals(before)).toBe(true)
  })

  test('plans what each type would give, and leaves out what would be quantized twice', async () => {
    const end = await run('plan', 'expected.gguf', '--json')
    const { model, recipes, refused } = JSON.parse(end.stdout)
    expect(model).toEqual({ family: null, knownAs: 'Little Llama', architecture: 'llama', parameters: 99_072 })
    expect(recipes.map(({ recipe }: { recipe: string }) => recipe)).toEqual(['Q4_K_M'])
    expect(refused).toContainEqual(expect.objectContaining({ recipe: 'Q3_K_M', code: 'REQUANTIZE_REFUSED' }))
    const allowed = JSON.parse((await run('plan', 'expected.gguf', '--json', '--allow-requantize')).stdout)
    expect(allowed.recipes.length).toBeGreaterThan(20)
  })

  test('refuses what is quantized already unless told to, and answers that it leaves no question for', async () => {
    const refused = await run('convert', 'expected.gguf', '--type', 'Q3_K_M')
    expect(refused).toMatchObject({ status: 4, stderr: expect.stringContaining('--allow-requantize') })
    const answered = await run('convert', 'little-f16.gguf', '--type', 'Q3_K_M', '--pre', 'dbrx')
    expect(answered).toMatchObject({ status: 2, stderr: expect.stringContaining('--pre') })
  })

  test('says what it is', async () => {
    const end = await run('inspect', 'little-f16.gguf')
    expect(end).toMatchObject({ status: 0, stdout: expect.stringMatching(/19 tensors, 99\.07 k weights/) })
  })

  test('of several files takes the first, and a daemon does the same', async () => {
    const folder = await temporaryFolder()
    const tensors = llamaTensors('F16')
    const [first = ''] = await writeSplitGguf(join(folder, 'little-F16'), metadata(), [
      tensors.slice(0, 9),
      tensors.slice(9),
    ])
    await convertGguf(first, 'Q6_K', join(folder, 'expected.gguf'))
    const inspected = await mibera(['inspect', first])
    expect(inspected.stdout).toContain('file 1 of the 2 of its model, which has 19 tensors')
    const state = join(folder, 'daemon')
    await startDaemon(state, ['--threads', '1'])
    const end = await mibera(['--state-dir', state, 'convert', first, '--type', 'Q6_K'], { cwd: folder })
    expect(end.status).toBe(0)
    expect(
      (await readFile(join(folder, 'little-Q6_K.gguf'))).equals(await readFile(join(folder, 'expected.gguf'))),
    ).toBe(true)
    const requantized = ['--type', 'Q4_K_M', '--allow-requantize', '--out', 'again.gguf']
    const again = await mibera(['--state-dir', state, 'convert', 'little-Q6_K.gguf', ...requantized], { cwd: folder })
    expect(again.status).toBe(0)
    await convertGguf(join(folder, 'little-Q6_K.gguf'), 'Q4_K_M', join(folder, 'here.gguf'), { allowRequantize: true })
    expect((await readFile(join(folder, 'again.gguf'))).equals(await readFile(join(folder, 'here.gguf')))).toBe(true)
  })
})
