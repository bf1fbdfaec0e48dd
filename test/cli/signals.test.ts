import type { ChildProcess } from 'node:child_process'
import { existsSync, watch } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type CommandOptions, mibera } from '../helpers/command-line.ts'
import { fileSha256 } from '../helpers/partial-run.ts'
import { smallPre, smallShape, writeSmallModel } from '../helpers/small-model.ts'
import { suiteFolder } from '../helpers/suite-folder.ts'

/** Signals do what they say on POSIX; Windows ends the process instead. */
describe.skipIf(process.platform === 'win32')('a conversion that gets a signal', () => {
  const root = suiteFolder()
  const output = () => join(root(), 'out', 'small.gguf')
  let expected = ''

  const convertSmall = (out: string, words: readonly string[], options: CommandOptions = {}) =>
    convertTo('Q3_K_M', out, words, options)

  async function convertTo(types: string, out: string, words: readonly string[], options: CommandOptions = {}) {
    const state = ['--state-dir', join(root(), 'out', 'state')]
    const model = [join(root(), 'model'), '--pre', smallPre, '--type', types, '--threads', '1']
    return mibera(['convert', ...model, '--out', out, ...state, ...words], options)
  }

  beforeAll(async () => {
    // Some 25 slices: a signal at the beginning comes long before the end.
    await writeSmallModel(join(root(), 'model'), { dtype: 'BF16' }, { ...smallShape, layers: 1, vocabulary: 24_000 })
    await mkdir(join(root(), 'out'))
    expect((await convertSmall(join(root(), 'whole.gguf'), ['--quiet'])).status).toBe(0)
    expected = await fileSha256(join(root(), 'whole.gguf'))
  })
  beforeEach(async () => {
    await rm(join(root(), 'out'), { recursive: true, force: true })
    await mkdir(join(root(), 'out'))
  })

  /** Sends signals once the first slices are being made. */
  function whenBegun(send: (child: ChildProcess) => void): CommandOptions {
    let sent = false
    return {
      onStderr: (text, child) => {
        if (sent || !text.includes('Converting to')) return
        sent = true
        send(child)
      },
    }
  }

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s: stops, says how to go on, and goes on', async (signal) => {
    const end = await convertSmall(
      output(),
      [],
      whenBegun((child) => child.kill(signal)),
    )
    expect(end.status).toBe(130)
    expect(end.stdout).toBe('')
    expect(end.stderr).toContain('Stopping after the slices in hand')
    expect(end.stderr).toMatch(/Stopped at \d+ %\. Run the same command again to go on from here\.\n$/)
    expect(existsSync(output())).toBe(false)
    expect(existsSync(`${output()}.part`)).toBe(true)

    const second = await convertSmall(output(), [])
    expect(second.status).toBe(0)
    expect(second.stderr).toMatch(/Resuming at \d+ %/)
    expect(await fileSha256(output())).toBe(expected)
  })

  test('a second signal ends it at once, and still it goes on', async () => {
    const end = await convertSmall(
      output(),
      [],
      whenBegun((child) => {
        child.kill('SIGINT')
        child.kill('SIGTERM')
      }),
    )
    expect(end.status).toBe(130)
    expect(end.stderr).not.toContain('Stopped at')
    expect((await convertSmall(output(), [])).status).toBe(0)
    expect(await fileSha256(output())).toBe(expected)
  })

  test('several types stop together and go on together, and --json says so in one document', async () => {
    const folder = join(root(), 'out')
    const types = ['Q2_K', 'Q3_K_M']
    const files = types.map((type) => join(folder, `model-${type}.gguf`))
    const end = await convertTo(types.join(), folder, ['--json'], {
      onStart: (child) => {
        // With --json nothing is said on the way: the part file tells that it has begun.
        const watcher = watch(folder, (_, name) => {
          if (name === null || !name.endsWith('.gguf.part')) return
          watcher.close()
          child.kill('SIGINT')
        })
      },
    })
    expect(end).toMatchObject({ status: 130, stderr: '' })
    expect(JSON.parse(end.stdout)).toEqual({ outcome: 'stopped', files, done: [] })
    expect(files.map((file) => existsSync(`${file}.part`))).toEqual([true, true])

    const json = await convertTo(types.join(), folder, ['--json'])
    expect(json).toMatchObject({ status: 0, stderr: '' })
    const done = files.map((output) => ({ output }))
    expect(JSON.parse(json.stdout)).toMatchObject({ outcome: 'published', done })
  })
})
