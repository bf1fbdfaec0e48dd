import { mkdir, open, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { writeSafetensors } from '../../fixtures/safetensors-file.ts'
import { mibera } from '../helpers/command-line.ts'
import { pokeWeight } from '../helpers/shard-surgery.ts'
import { smallPre, smallShape, writeSmallModel } from '../helpers/small-model.ts'
import { suiteFolder } from '../helpers/suite-folder.ts'

const root = suiteFolder()
const at = (...names: string[]) => join(root(), ...names)
const state = () => ['--state-dir', at('state')]
const pre = ['--pre', smallPre]

beforeAll(async () => {
  await writeSmallModel(at('model'), {}, { ...smallShape, layers: 1 })
  await mkdir(at('nan'))
  await writeSmallModel(at('nan'), { dtype: 'F32' }, { ...smallShape, layers: 1 })
  await pokeWeight(at('nan', 'model.safetensors'), 'lm_head.weight', 7, new Uint8Array(Float32Array.of(NaN).buffer))
  await mkdir(at('empty'))
  await mkdir(at('gaps'))
  await writeSafetensors(at('gaps', 'model-00002-of-00003.safetensors'), [{ name: 'x', dtype: 'F32', shape: [4] }])
  await writeFile(at('taken.gguf'), 'precious')
  await writeFile(at('a file'), 'x')
  await mkdir(at('broken state'))
  await writeFile(at('broken state', 'mibera.db'), 'these are no bookmarks')
})

/** The one form of all errors: what and where, what to do, the code. */
const oneError = /^mibera: [^\n]+\n( {2}[^\n]+\n)? {2}\([A-Z_]+\)\n$/

interface Case {
  readonly words: () => readonly string[]
  readonly status: number
  readonly code: string
  /** Of the message or the hint. */
  readonly says: string
}

const cases: Record<string, Case> = {
  'a misspelt command': { words: () => ['covert', 'x'], status: 2, code: 'USAGE', says: 'Did you mean convert?' },
  'a word too many': {
    words: () => ['inspect', 'x', 'y'],
    status: 2,
    code: 'USAGE',
    says: '"y" is too much',
  },
  'a second type as a word of its own': {
    words: () => ['convert', 'x', '--type', 'Q3_K_M', 'Q2_K'],
    status: 2,
    code: 'USAGE',
    says: 'as one word: --type Q3_K_M,Q2_K',
  },
  'a daemon that could not convert anything': {
    words: () => ['daemon', 'start', '--max-memory', '50M', ...state()],
    status: 6,
    code: 'MEMORY_TOO_SMALL',
    says: '--max-memory',
  },
  'a misspelt option': {
    words: () => ['convert', 'x', '--tpye', 'Q3_K_M'],
    status: 2,
    code: 'USAGE',
    says: 'Did you mean --type?',
  },
  'a misspelt type': {
    words: () => ['plan', at('model'), '--type', 'Q9_K'],
    status: 2,
    code: 'USAGE',
    says: 'Did you mean Q',
  },
  'a type that needs an importance matrix': {
    words: () => ['convert', at('model'), ...pre, '--type', 'IQ3_XXS', '--out', at('one.gguf'), ...state()],
    status: 3,
    code: 'IMPORTANCE_MISSING',
    says: 'refuses without an importance matrix',
  },
  'a type younger than the mix': {
    words: () => ['plan', at('model'), ...pre, '--type', 'TQ1_0', '--mix', 'b3613'],
    status: 3,
    code: 'TYPE_UNSUPPORTED',
    says: '--mix latest',
  },
  'several types for one file': {
    words: () => ['convert', at('model'), ...pre, '--type', 'Q2_K,Q8_0', '--out', at('one.gguf'), ...state()],
    status: 2,
    code: 'USAGE',
    says: 'several types',
  },
  'an output below a file': {
    words: () => ['convert', at('model'), ...pre, '--out', at('a file', 'x.gguf'), ...state()],
    status: 2,
    code: 'USAGE',
    says: at('a file'),
  },
  'a folder that is missing': {
    words: () => ['inspect', at('nowhere')],
    status: 3,
    code: 'MODEL_FOLDER_MISSING',
    says: at('nowhere'),
  },
  'a folder without safetensors': {
    words: () => ['inspect', at('empty')],
    status: 3,
    code: 'NO_SAFETENSORS',
    says: at('empty'),
  },
  'shards that are missing': {
    words: () => ['convert', at('gaps'), ...state()],
    status: 3,
    code: 'SHARDS_MISSING',
    says: 'model-00001-of-00003.safetensors',
  },
  'a NaN': {
    words: () => ['convert', at('nan'), ...pre, '--out', at('nan.gguf'), ...state()],
    status: 3,
    code: 'TENSOR_NON_FINITE',
    says: 'lm_head.weight',
  },
  'a file that is no GGUF': {
    words: () => ['verify', at('taken.gguf')],
    status: 3,
    code: 'GGUF_MALFORMED',
    says: at('taken.gguf'),
  },
  'a pre-tokenizer that nobody knows': {
    words: () => ['convert', at('model'), ...state()],
    status: 4,
    code: 'PRE_TOKENIZER_UNKNOWN',
    says: '--pre',
  },
  'an output that exists': {
    words: () => ['convert', at('model'), ...pre, '--out', at('taken.gguf'), ...state()],
    status: 5,
    code: 'OUTPUT_EXISTS',
    says: '--force',
  },
  'bookmarks that are damaged': {
    words: () => ['convert', at('model'), ...pre, '--out', at('new.gguf'), '--state-dir', at('broken state')],
    status: 5,
    code: 'STATE_DAMAGED',
    says: at('broken state'),
  },
  'too little memory': {
    words: () => ['convert', at('model'), ...pre, '--out', at('new.gguf'), '--max-memory', '50M', ...state()],
    status: 6,
    code: 'MEMORY_TOO_SMALL',
    says: '--max-memory',
  },
  'a file that is missing': {
    words: () => ['verify', at('none.gguf')],
    status: 8,
    code: 'IO',
    says: at('none.gguf'),
  },
  'a state directory that is a file': {
    words: () => ['convert', at('model'), ...pre, '--out', at('new.gguf'), '--state-dir', at('a file')],
    status: 8,
    code: 'IO',
    says: at('a file'),
  },
}

describe('one clear error, its exit status and, with --json, one document', () => {
  test.each(Object.entries(cases))('%s', async (_, { words, status, code, says }) => {
    const end = await mibera([...words(), '--quiet', '--json'])
    expect(end.status).toBe(status)
    expect(end.stderr).toMatch(oneError)
    expect(end.stderr).toContain(`(${code})`)
    expect(end.stderr).toContain(says)
    const { error } = JSON.parse(end.stdout) as { error: { code: string; message: string; hint?: string } }
    expect(error.code).toBe(code)
    expect(end.stderr).toContain(`mibera: ${error.message}`)
  })
})

test('without --json nothing is printed on standard output', async () => {
  const end = await mibera(['covert'])
  expect(end).toMatchObject({ status: 2, stdout: '' })
})

test('a verification that fails has a status of its own', async () => {
  const file = at('bitten.gguf')
  const words = ['convert', at('model'), ...pre, '--type', 'Q2_K', '--out', file, '--quiet', ...state()]
  expect(await mibera(words)).toEqual({ status: 0, stdout: '', stderr: '' })
  await truncate(file, 100_000)
  expect((await mibera(['verify', file])).status).toBe(3)
  await mibera([...words, '--force'])
  await pokeGguf(file)
  const end = await mibera(['verify', file, '--json'])
  expect(end.status).toBe(7)
  expect(end.stderr).toMatch(oneError)
  expect(JSON.parse(end.stdout)).toMatchObject({ error: { code: 'VERIFICATION_FAILED' } })
})

/** Changes the last bytes of the last tensor. */
async function pokeGguf(file: string): Promise<void> {
  const handle = await open(file, 'r+')
  const { size } = await handle.stat()
  await handle.write(Uint8Array.of(1, 2, 3, 4), 0, 4, size - 200)
  await handle.close()
}
