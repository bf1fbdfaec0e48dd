import { spawnSync } from 'node:child_process'
import { existsSync, openSync } from 'node:fs'
import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { mainScript, mibera, run } from '../helpers/command-line.ts'
import { smallPre, smallShape, writeSmallModel } from '../helpers/small-model.ts'
import { suiteFolder } from '../helpers/suite-folder.ts'

const root = suiteFolder()
/** Spaces and letters beyond ASCII, as people's folders have them. */
const folder = () => join(root(), 'mein Modell – Größe ☃')
const state = () => ['--state-dir', join(root(), 'der Zustand ☃')]
const pre = ['--pre', smallPre]
const posix = process.platform !== 'win32'

beforeAll(async () => {
  await writeSmallModel(folder(), {}, { ...smallShape, layers: 1 })
  await mkdir(join(root(), 'out'))
})

test('paths with spaces and letters beyond ASCII work, and a folder is filled with NAME-TYPE.gguf', async () => {
  const out = join(root(), 'out')
  const end = await mibera(['convert', folder(), ...pre, '--type', 'Q3KM', '--out', out, ...state()])
  expect(end).toMatchObject({ status: 0, stdout: '' })
  const name = 'mein Modell – Größe ☃-Q3_K_M.gguf'
  expect(end.stderr).toContain(join(out, name))
  expect((await readdir(out)).toSorted()).toEqual([name, `${name}.report.json`])
  const verified = await mibera(['verify', join(out, name), '--source', folder(), ...pre, '--json'])
  expect(verified).toMatchObject({ status: 0, stderr: '' })
  expect(JSON.parse(verified.stdout)).toMatchObject({ file: join(out, name), digests: 'match' })
})

test('without --out the file goes to the current folder; several types are several files', async () => {
  const cwd = join(root(), 'here')
  await mkdir(cwd)
  const end = await mibera(['convert', folder(), ...pre, '--type', 'q2_k,Q8_0', '--quiet', ...state()], { cwd })
  expect(end).toEqual({ status: 0, stdout: '', stderr: '' })
  expect((await readdir(cwd)).filter((name) => name.endsWith('.gguf')).toSorted()).toEqual([
    'mein Modell – Größe ☃-Q2_K.gguf',
    'mein Modell – Größe ☃-Q8_0.gguf',
  ])
})

describe('readers that leave early', () => {
  test('inspect ends as always when nobody reads its output', async () => {
    const end = await mibera(['inspect', folder(), ...pre], { onStart: ({ stdout }) => stdout?.destroy() })
    expect(end).toMatchObject({ status: 0, stderr: '' })
  })

  test('an error keeps its exit status when nobody reads it', async () => {
    const end = await mibera(['inspect', join(root(), 'none'), '--json'], {
      onStart: ({ stdout, stderr }) => {
        stdout?.destroy()
        stderr?.destroy()
      },
    })
    expect(end.status).toBe(3)
  })

  test('a conversion goes on when nobody reads what it says', async () => {
    const out = join(root(), 'unread.gguf')
    const end = await mibera(['convert', folder(), ...pre, '--out', out, ...state()], {
      onStart: ({ stderr }) => stderr?.destroy(),
    })
    expect(end.status).toBe(0)
    expect(existsSync(out)).toBe(true)
  })

  test.runIf(posix)('inspect | head -1', async () => {
    const command = `"${process.execPath}" "${mainScript}" inspect "${folder()}" --pre ${smallPre} | head -1`
    const end = await run('sh', ['-c', command])
    expect(end).toEqual({ status: 0, stdout: `${folder()}\n`, stderr: '' })
  })
})

test.runIf(existsSync('/dev/full'))('a result that cannot be written is an error', () => {
  const full = openSync('/dev/full', 'w')
  const end = spawnSync(process.execPath, [mainScript, 'inspect', folder(), ...pre], {
    stdio: ['ignore', full, 'pipe'],
    encoding: 'utf8',
  })
  expect(end.status).toBe(8)
  expect(end.stderr).toMatch(/^mibera: cannot write to standard output: [^\n]+\n {2}\(IO\)\n$/)
})

test('--quiet inspects and plans as always: results are what was asked for', async () => {
  const end = await mibera(['plan', folder(), ...pre, '--quiet'])
  expect(end).toMatchObject({ status: 0, stderr: '' })
  expect(end.stdout).toContain('Q3_K_M')
})

test.each(['--version', '--help'])('%s goes to standard output, with success', async (option) => {
  const end = await mibera([option])
  expect(end).toMatchObject({ status: 0, stderr: '' })
  expect(end.stdout).not.toBe('')
})

test('no command at all shows the help on standard error, as wrong usage', async () => {
  const end = await mibera([])
  expect(end).toMatchObject({ status: 2, stdout: '' })
  expect(end.stderr).toContain('Commands:')
})
