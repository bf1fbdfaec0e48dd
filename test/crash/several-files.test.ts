import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { convert } from '#dist/convert/convert.js'
import { convertOptions, planOutputs } from '../helpers/convert-folder.ts'
import { refusal } from '../helpers/refusal.ts'
import { writeSmallModel } from '../helpers/small-model.ts'
import { suiteFolder } from '../helpers/suite-folder.ts'

describe('an output of several files, killed with SIGKILL', () => {
  const folder = suiteFolder()
  const out = () => join(folder(), 'out')
  const output = () => join(out(), 'small.gguf')
  let expected: Record<string, string> = {}

  beforeAll(async () => {
    await writeSmallModel(folder(), { shards: 2 })
    await mkdir(out())
    await run()
    expected = await digests()
    expect(Object.keys(expected)).toHaveLength(4)
  })
  beforeEach(async () => {
    await rm(out(), { recursive: true, force: true })
    await mkdir(out())
  })

  /** In a process of its own, killed at `moment`. */
  function killedAt(moment: string): Promise<void> {
    const script = new URL('./several-files-child.ts', import.meta.url).pathname
    return new Promise((resolve, reject) => {
      execFile(process.execPath, ['--import', 'tsx', script, folder(), output(), moment], (error, _, stderr) => {
        if (error?.signal === 'SIGKILL') resolve()
        else reject(new Error(`it was not killed ${moment}: ${stderr}`))
      })
    })
  }

  /** To the end; returns how many slices were made. */
  async function run(force = false): Promise<number> {
    const plan = await planOutputs(folder(), ['Q2_K', 'Q4_K_M'], { split: { maxTensors: 12 } })
    let made = 0
    const onEvent = ({ kind }: { readonly kind: string }) => {
      if (kind === 'slice') made++
    }
    expect((await convert(plan, convertOptions(output(), { onEvent, force }))).kind).toBe('published')
    return made
  }

  async function digests(): Promise<Record<string, string>> {
    const names = (await readdir(out())).filter((name) => name.endsWith('.gguf')).sort()
    const hash = async (name: string) =>
      createHash('sha256')
        .update(await readFile(join(out(), name)))
        .digest('hex')
    return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await hash(name)])))
  }

  test.each<[string, number]>([
    ['before publishing', 0],
    ['before report 2', 0],
    ['before part 1', 0],
    ['before part 3', 2],
    ['after part 4', 4],
    ['after done', 4],
  ])('%s has %d of 4 names, and ends in the same files without a slice made twice', async (moment, named) => {
    await killedAt(moment)
    const names = Object.keys(expected)
    expect(Object.keys(await digests())).toEqual(names.slice(0, named))
    // Without --force it may not go on where it has recorded that all was done.
    if (moment === 'after done') expect((await refusal(run())).code).toBe('OUTPUT_EXISTS')
    else expect(await run()).toBe(0)
    expect(await digests()).toEqual(expected)
    const reports = names.map((name) => existsSync(join(out(), `${name}.report.json`)))
    expect(reports).toEqual(names.map(() => true))
    expect((await readdir(out())).filter((name) => name.endsWith('.part'))).toEqual([])
  })

  test('between two names, over older files of those names, replaces the others too', async () => {
    for (const name of Object.keys(expected)) await writeFile(join(out(), name), 'older')
    await killedAt('after part 2')
    expect(await run(true)).toBe(0)
    expect(await digests()).toEqual(expected)
  })

  test('between two names, and then damaged: a file without its name is mended, one with it is refused', async () => {
    const names = Object.keys(expected)
    await killedAt('after part 2')
    const part = join(out(), `${names[3]}.part`)
    const bytes = await readFile(part)
    const at = bytes.length - 200
    bytes[at] = (bytes[at] ?? 0) ^ 1
    await writeFile(part, bytes)
    const named = join(out(), names[0] ?? '')
    const sound = await readFile(named)
    await writeFile(
      named,
      sound.map((byte, index) => (index === sound.length - 200 ? byte ^ 1 : byte)),
    )
    expect((await refusal(run())).code).toBe('VERIFICATION_FAILED')
    await writeFile(named, sound)
    expect(await run()).toBe(1)
    expect(await digests()).toEqual(expected)
  })
})
