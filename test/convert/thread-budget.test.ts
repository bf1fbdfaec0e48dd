import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { parseByteCount } from '#dist/base/byte-count.js'
import { convert } from '#dist/convert/convert.js'
import { bufferRoom, threadsWithin } from '#dist/convert/thread-budget.js'
import type { Plan } from '#dist/plan/plan.js'
import { convertOptions, planFolder } from '../helpers/convert-folder.ts'
import { runToEnd } from '../helpers/partial-run.ts'
import { refusal } from '../helpers/refusal.ts'
import { writeSmallModel } from '../helpers/small-model.ts'
import { suiteFolder } from '../helpers/suite-folder.ts'

describe('a memory budget', () => {
  const root = suiteFolder()
  let plan: Plan

  beforeAll(async () => {
    await writeSmallModel(root())
    plan = await planFolder(root(), 'Q4_K_M')
  })

  /** Threads that a conversion with this budget starts, and the file it makes. */
  async function runWithin(maxMemory: number, threads = 2) {
    await mkdir(join(root(), 'out'), { recursive: true })
    const run = await runToEnd(plan, join(root(), 'out', 'small.gguf'), { maxMemory, threads, force: true })
    const begun = run.events.find((event) => event.kind === 'begun')
    return { threads: begun?.threads, sha256: run.sha256 }
  }

  test('too small for one thread is refused, and what the message asks for is enough', async () => {
    const options = convertOptions(join(root(), 'none.gguf'), { maxMemory: 64 * 2 ** 20 })
    const error = await refusal(convert(plan, options))
    expect(error.code).toBe('MEMORY_TOO_SMALL')
    expect(error.message).toContain('the budget is 64.0 MiB')
    const asked = parseByteCount(/--max-memory to at least (\S+)\.$/.exec(error.hint ?? '')?.[1] ?? '') ?? 0
    expect(asked).toBeGreaterThan(64 * 2 ** 20)
    expect((await refusal(convert(plan, { ...options, maxMemory: asked - 2 ** 20 }))).code).toBe('MEMORY_TOO_SMALL')
    expect((await runWithin(asked)).threads).toBe(1)
  })

  test('too small for all threads gives fewer of them, and the same bytes', async () => {
    const generous = await runWithin(2 ** 30)
    const tight = await runWithin(200 * 2 ** 20, 8)
    expect(generous.threads).toBe(2)
    expect(tight.threads).toBeGreaterThan(0)
    expect(tight.threads).toBeLessThan(8)
    expect(tight.sha256).toBe(generous.sha256)
  })

  test('is asked for in proportion to the longest row, not to the largest tensor', () => {
    const room = bufferRoom(plan)
    const embedding = plan.tensors.find(({ name }) => name === 'token_embd.weight')
    if (embedding === undefined) throw new Error('the plan has no embedding')
    const larger = { ...plan, tensors: [{ ...embedding, rows: embedding.rows * 1000 }, ...plan.tensors] }
    expect(threadsWithin(2 ** 30, 2, bufferRoom(larger))).toBe(threadsWithin(2 ** 30, 2, room))
  })
})
