import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdir, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { Database } from '#dist/disk/sqlite.js'
import type { Plan } from '#dist/plan/plan.js'
import { planFolder } from '../../helpers/convert-folder.ts'
import { fileSha256, runPart, runToEnd } from '../../helpers/partial-run.ts'
import { refusal } from '../../helpers/refusal.ts'
import { writeSmallModel } from '../../helpers/small-model.ts'
import { suiteFolder } from '../../helpers/suite-folder.ts'
import { typescriptChild } from '../../helpers/typescript-child.ts'

const root = suiteFolder()
const output = () => join(root(), 'out', 'small.gguf')
const state = () => join(root(), 'out', 'state')
const database = () => join(state(), 'mibera.db')
let plan: Plan

beforeAll(async () => {
  await writeSmallModel(root())
  plan = await planFolder(root(), 'Q4_K_M')
})
beforeEach(async () => {
  await rm(join(root(), 'out'), { recursive: true, force: true })
  await mkdir(state(), { recursive: true })
})

describe('a state directory in use', () => {
  /** Another process that holds the state directory. */
  async function holder(): Promise<ChildProcess> {
    const script = new URL('./hold-state.ts', import.meta.url)
    const child = spawn(process.execPath, typescriptChild(script, state()), {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    await once(child.stdout, 'data')
    return child
  }

  test('by another process is refused, saying which; when that dies, however it does, it is free', async () => {
    const child = await holder()
    const error = await refusal(runToEnd(plan, output()))
    expect(error.code).toBe('STATE_IN_USE')
    expect(error.message).toContain(`process ${child.pid} on `)
    expect(error.message).toContain(state())
    expect(error.hint).toContain('--state-dir')
    expect(await readdir(join(root(), 'out'))).toEqual(['state'])

    child.kill('SIGKILL')
    await once(child, 'close')
    await runToEnd(plan, output())
  })

  test('by another conversion of the same process is refused, and does that no harm', async () => {
    let second: Promise<Error> | undefined
    await runToEnd(plan, output(), {
      onEvent: ({ kind }) => {
        if (kind === 'begun')
          second = refusal(runToEnd(plan, join(root(), 'out', 'b.gguf'), { stateDirectory: state() }))
      },
    })
    expect(await second).toMatchObject({ code: 'STATE_IN_USE' })
  })
})

test('bookmarks of a later release are refused and left as they are', async () => {
  const { made } = await runPart(plan, output(), 3)
  const later = new Database(database())
  const version = Number(later.pragma('user_version', { simple: true }))
  later.pragma(`user_version = ${version + 1}`)
  later.close()
  const before = await fileSha256(`${output()}.part`)

  const error = await refusal(runToEnd(plan, output()))
  expect(error.code).toBe('STATE_NEWER')
  expect(error.message).toContain(`have schema ${version + 1}, this release knows up to ${version}`)
  expect(await fileSha256(`${output()}.part`)).toBe(before)

  const back = new Database(database())
  expect(back.pragma('user_version', { simple: true })).toBe(version + 1)
  back.pragma(`user_version = ${version}`)
  back.close()
  expect((await runToEnd(plan, output())).kept).toBe(made.length)
})

describe('a damaged state directory is refused, and left as it is', () => {
  test('when its database is something else', async () => {
    await writeFile(database(), 'these are no bookmarks, '.repeat(1000))
    const before = await fileSha256(database())
    const error = await refusal(runToEnd(plan, output()))
    expect(error.code).toBe('STATE_DAMAGED')
    expect(error.message).toContain(database())
    expect(await fileSha256(database())).toBe(before)
  })

  test('when its database is one of another program', async () => {
    const other = new Database(database())
    other.exec('CREATE TABLE conversion (title TEXT)')
    other.close()
    expect((await refusal(runToEnd(plan, output()))).code).toBe('STATE_DAMAGED')
  })

  test('when its database claims a schema that it does not have', async () => {
    const empty = new Database(database())
    empty.pragma('user_version = 1')
    empty.close()
    expect((await refusal(runToEnd(plan, output()))).code).toBe('STATE_DAMAGED')
  })

  test('when pages of its database were overwritten, which is found at the latest when they are read', async () => {
    await runPart(plan, output(), 8)
    await copyFile(database(), join(root(), 'out', 'good.db'))
    const { size } = await stat(database())
    const file = await open(database(), 'r+')
    await file.write(Buffer.alloc(size - 4096, 0xa5), 0, size - 4096, 4096)
    await file.close()
    expect((await refusal(runToEnd(plan, output()))).code).toBe('STATE_DAMAGED')
    await copyFile(join(root(), 'out', 'good.db'), database())
    expect((await runToEnd(plan, output())).kept).toBeGreaterThan(0)
  })

  test('when its lock is something else', async () => {
    await writeFile(join(state(), 'lock'), 'this is no lock, '.repeat(100))
    const error = await refusal(runToEnd(plan, output()))
    expect(error.code).toBe('STATE_DAMAGED')
    expect(error.message).toContain(state())
  })

  test('when it is a file', async () => {
    await rm(state(), { recursive: true })
    await writeFile(state(), 'a file')
    const error = await refusal(runToEnd(plan, output()))
    expect(error.code).toBe('IO')
    expect(error.message).toContain(state())
    expect(await readFile(state(), 'utf8')).toBe('a file')
  })
})

test('a state directory, like its parents, is made where there is none', async () => {
  const stateDirectory = join(root(), 'out', 'a', 'new', 'one')
  await runToEnd(plan, output(), { stateDirectory })
  expect(await readdir(stateDirectory)).toContain('mibera.db')
  expect(await readdir(stateDirectory)).not.toContain('lock.owner')
})
