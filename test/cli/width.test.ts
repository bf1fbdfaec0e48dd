import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { beforeAll, expect, test } from 'vitest'
import { mainScript, mibera, run } from '../helpers/command-line.ts'
import { smallPre, writeSmallModel } from '../helpers/small-model.ts'
import { suiteFolder } from '../helpers/suite-folder.ts'

const columns = 80
const root = suiteFolder()
const gguf = () => join(root(), 'x.gguf')
const folderWords = () => [join(root(), 'model'), '--pre', smallPre]
const convert = () => ['convert', ...folderWords(), '--out', gguf(), '--force', '--state-dir', join(root(), 'state')]

beforeAll(async () => {
  await writeSmallModel(join(root(), 'model'))
  expect((await mibera(convert())).status).toBe(0)
})

/** Lines that are too wide. Those with a path are as wide as that is. */
function tooWide(text: string): string[] {
  return stripVTControlCharacters(text)
    .split(/[\r\n]+/)
    .filter((line) => line.length > columns && !line.includes(root()))
}

const commands: Record<string, () => string[]> = {
  'inspect on a folder': () => ['inspect', ...folderWords()],
  'inspect on a folder, verbose': () => ['inspect', ...folderWords(), '--verbose'],
  'inspect on a GGUF': () => ['inspect', gguf()],
  'inspect on a GGUF, verbose': () => ['inspect', gguf(), '--verbose'],
  plan: () => ['plan', ...folderWords()],
  'plan without a recommendation': () => ['plan', ...folderWords(), '--type', 'F32'],
  verify: () => ['verify', gguf(), '--source', ...folderWords()],
  convert,
  'help of all': () => ['--help'],
  'a dry run': () => [...convert(), '--dry-run', '--type', 'Q3_K_M'],
  'help of convert': () => ['convert', '--help'],
  'help of daemon start': () => ['daemon', 'start', '--help'],
  'help of worker': () => ['worker', '--help'],
}

test.each(Object.entries(commands))('%s: no line is wider than 80 columns', async (_, words) => {
  const { status, stdout, stderr } = await mibera(words())
  expect(status).toBe(0)
  expect(tooWide(stdout + stderr)).toEqual([])
})

/** Whether there is util-linux's `script`, which runs a command on a terminal of its own. */
const terminals = spawnSync('script', ['-qec', 'true', '/dev/null']).status === 0

test.skipIf(!terminals)('on a terminal of 80 columns and on one of unknown size nothing is wider either', async () => {
  const command = [process.execPath, mainScript, ...convert()].map((word) => `'${word}'`).join(' ')
  for (const size of ['stty cols 80 rows 24', 'stty cols 0 rows 0']) {
    const { status, stdout } = await run('script', ['-qec', `${size}; ${command}`, '/dev/null'])
    expect(status).toBe(0)
    expect(stdout).toContain('read back and verified')
    expect(tooWide(stdout)).toEqual([])
  }
})

test.skipIf(!terminals)('an error is broken at spaces on a terminal, and nowhere else', async () => {
  const words = ['worker', '--redis', 'redis://127.0.0.1', '--listen']
  const { stderr } = await mibera(words)
  expect(stderr).toMatch(/^mibera: [^\n]+\n {2}[^\n]+\n {2}\(USAGE\)\n$/)
  const command = [process.execPath, mainScript, ...words].map((word) => `'${word}'`).join(' ')
  for (const columns of [44, 60, 0]) {
    const { stdout } = await run('script', ['-qec', `stty cols ${columns} rows 24; ${command}`, '/dev/null'])
    const lines = stdout.trimEnd().split(/\r?\n/)
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns || 80)
    expect(lines.map((line) => line.trim()).join(' ')).toBe(stderr.trimEnd().replaceAll(/\n */g, ' '))
  }
})

test.skipIf(!terminals)('with NO_COLOR, or --no-color, no colour is set, on a terminal too', async () => {
  const command = [process.execPath, mainScript, ...convert()].map((word) => `'${word}'`).join(' ')
  for (const [words, env] of [
    ['', { NO_COLOR: '1' }],
    [' --no-color', {}],
  ] as const) {
    const { status, stdout } = await run('script', ['-qec', `${command}${words}`, '/dev/null'], { env })
    expect(status).toBe(0)
    // SGR: ESC [ numbers m
    expect(stdout.split('\u001b[').filter((rest) => /^[\d;]*m/.test(rest))).toEqual([])
  }
})
