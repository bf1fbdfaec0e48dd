import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { mibera } from '../helpers/command-line.ts'
import { llamaMetadata, llamaTensors, writeFilledGguf } from '../helpers/filled-gguf.ts'
import { suiteFolder } from '../helpers/suite-folder.ts'

const root = suiteFolder()
const dryRun = (...words: string[]) =>
  mibera(['convert', 'little-f16.gguf', '--dry-run', '--json', ...words], { cwd: root() })

beforeAll(() => writeFilledGguf(join(root(), 'little-f16.gguf'), llamaMetadata(), llamaTensors('F16')))

/** The types that `convert` would make of these words. */
async function typesOf(...words: string[]): Promise<string[]> {
  const { stdout } = await dryRun(...words)
  return JSON.parse(stdout).files.map(({ recipe }: { recipe: string }) => recipe)
}

test('--type given again adds a type, and without it there is the usual one', async () => {
  expect(await typesOf()).toEqual(['Q4_K_M'])
  expect(await typesOf('--type', 'Q8_0')).toEqual(['Q8_0'])
  expect(await typesOf('--type', 'Q8_0', '--type', 'q2_k,Q3_K_M')).toEqual(['Q8_0', 'Q2_K', 'Q3_K_M'])
})

test.each([['Q8_0', '--type', 'q80'], ['Q8_0,Q2_K,Q8_0']])(
  'a type that is named twice is refused: --type %s %s %s',
  async (...types) => {
    const { status, stderr } = await dryRun('--type', ...types)
    expect({ status, stderr }).toMatchObject({ status: 2, stderr: expect.stringContaining('Q8_0 is named twice') })
  },
)
