import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runToEnd, wholeConversion } from '../helpers/partial-run.ts'
import { suiteFolder } from '../helpers/suite-folder.ts'

const root = suiteFolder()

test('while the last slices are made, those before them are made durable, in one batch', async () => {
  const { plan, made, sha256 } = await wholeConversion(root(), 'Q3_K_M')
  const never = { milliseconds: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY }
  const run = await runToEnd(plan, join(root(), 'again', 'small.gguf'), { threads: 1, batch: never })
  const batches = run.events.flatMap((event) => (event.kind === 'bookmarked' ? event.slices : []))
  expect(run.sha256).toBe(sha256)
  expect(batches).toHaveLength(2)
  expect(batches[0]).toBeGreaterThan(made / 2)
  expect((batches[0] ?? 0) + (batches[1] ?? 0)).toBe(made)
})
