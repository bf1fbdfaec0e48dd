import { existsSync, truncateSync } from 'node:fs'
import { cp, mkdir, stat, utimes } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { convert } from '#dist/convert/convert.js'
import type { Engine, OpenConversion } from '#dist/convert/engine.js'
import type { ConvertEvent } from '#dist/convert/events.js'
import { planPaths } from '#dist/convert/output-paths.js'
import type { Plan } from '#dist/plan/plan.js'
import { sliceCount } from '#dist/plan/slices.js'
import type { RecipeName } from '#dist/quant/recipes.js'
import { convertFolder, convertOptions, planFolder, planOutputs } from '../helpers/convert-folder.ts'
import { convertGguf, planGguf } from '../helpers/convert-gguf.ts'
import { enginesUnderTest, otherMachines } from '../helpers/engines-under-test.ts'
import { fileSha256, runPart, runToEnd } from '../helpers/partial-run.ts'
import { givenImatrix, randomEntries } from '../helpers/random-imatrix.ts'
import type { TestRedis } from '../helpers/redis.ts'
import { refusal } from '../helpers/refusal.ts'
import { pokeWeight } from '../helpers/shard-surgery.ts'
import { smallShape, writeSmallModel } from '../helpers/small-model.ts'
import { suiteFolder } from '../helpers/suite-folder.ts'

const root = suiteFolder()
const model = () => join(root(), 'model')
/** Of several slices, and so of a job that is larger than one. */
const embedding = { name: 'model.embed_tokens.weight', rows: 6000 }
let plan: Plan
let expected = ''
let slices = 0
let outputs = 0

beforeAll(async () => {
  await writeSmallModel(model(), {}, { ...smallShape, vocabulary: embedding.rows })
  plan = await planFolder(model(), 'Q4_K_M')
  const whole = await runToEnd(plan, await newOutput())
  expected = whole.sha256
  slices = whole.made
})

/** A GGUF of Q8_0 and F32, and what this process makes of it. */
const quantized = () => join(root(), 'small-Q8_0.gguf')
const requantizedHere = () => join(root(), 'small-Q8_0-Q4_K_M.gguf')

beforeAll(async () => {
  await convertFolder(model(), 'Q8_0', quantized())
  await convertGguf(quantized(), 'Q4_K_M', requantizedHere(), { allowRequantize: true })
})

/** The plan as if other machines saw other files under the paths of its sources. */
const unseen = (planned: Plan): Plan => ({
  ...planned,
  sources: planned.sources.map((source) => ({ ...source, headerSha256: '0'.repeat(64) })),
})

async function newOutput(): Promise<string> {
  const folder = join(root(), `run-${outputs++}`)
  await mkdir(folder)
  return join(folder, 'small.gguf')
}

/** A copy of the model with a weight changed, as bad memory or a bad disk would: without a trace in the times. */
async function damagedModel(tensor: string, row: number, weight: number): Promise<string> {
  const folder = join(root(), `damaged-${outputs++}`)
  await cp(model(), folder, { recursive: true, preserveTimestamps: true })
  const shard = join(folder, 'model.safetensors')
  const { mtime } = await stat(shard)
  await pokeWeight(shard, tensor, row * smallShape.hidden + 7, new Uint8Array(Float32Array.of(weight).buffer))
  await utimes(shard, mtime, mtime)
  return folder
}

const made = (events: readonly ConvertEvent[], name: string) =>
  events.filter((event) => event.kind === 'slice' && event.tensor.name === name).length

describe.each(enginesUnderTest)('$name', ({ begin, beginBesideLosses }) => {
  test('make the bytes of any other run, each slice once', async () => {
    const output = await newOutput()
    const run = await runToEnd(plan, output, await begin())
    expect(run.sha256).toBe(expected)
    for (const tensor of plan.tensors) expect(made(run.events, tensor.name), tensor.name).toBe(sliceCount(tensor))
    expect(run.made).toBe(slices)
  })

  test.each([
    ['that they see', (planned: Plan) => planned],
    ['that they fetch by ranges', unseen],
  ])('make a file from blocks %s, copied and quantized anew', async (_, seen) => {
    const requantized = seen(await planGguf(quantized(), 'Q4_K_M', { allowRequantize: true }))
    const run = await runToEnd(requantized, await newOutput(), await begin())
    expect(run.sha256).toBe(await fileSha256(requantizedHere()))
  })

  test.each([
    ['that they see', (planned: Plan) => planned],
    ['that they fetch by ranges', unseen],
  ])('make files of two types of rows %s, in shards, gone on with after a stop', async (_, seen) => {
    const output = await newOutput()
    const engine = await begin()
    const twins = seen(await planOutputs(model(), ['Q4_K_M', 'Q2_K'], { split: { maxTensors: 20 } }))
    let count = 0
    const stop = new AbortController()
    const onEvent = ({ kind }: ConvertEvent) => {
      if (kind === 'slice' && ++count === 7) stop.abort()
    }
    expect((await convert(twins, convertOptions(output, { ...engine, stop: stop.signal, onEvent }))).kind).toBe(
      'stopped',
    )
    const counting = { ...engine, onEvent }
    expect((await convert(twins, convertOptions(output, counting))).kind).toBe('published')
    expect(count).toBe(twins.tensors.reduce((sum, tensor) => sum + sliceCount(tensor), 0))
    const here = join(dirname(await newOutput()), 'here.gguf')
    await convert(await planOutputs(model(), ['Q4_K_M', 'Q2_K'], { split: { maxTensors: 20 } }), convertOptions(here))
    const made = planPaths(twins, output).map((paths) => paths.output)
    expect(made).toHaveLength(4)
    for (const [index, paths] of planPaths(twins, here).entries()) {
      expect(await fileSha256(made[index] ?? '')).toBe(await fileSha256(paths.output))
    }
  })

  test.each<RecipeName[][]>([[['IQ2_XXS']], [['Q4_K_M', 'IQ2_XXS', 'Q8_0', 'Q4_K_S']]])(
    'choose blocks by an importance matrix, for %j',
    async (types) => {
      const importance = await givenImatrix('i.gguf', randomEntries(plan.tensors, 3))
      const output = await newOutput()
      const guided = await planOutputs(model(), types, { importance })
      await convert(guided, convertOptions(output, await begin()))
      for (const [index, paths] of planPaths(guided, output).entries()) {
        const alone = await planOutputs(model(), types.slice(index, index + 1), { importance })
        expect(await fileSha256(paths.output)).toBe((await runToEnd(alone, await newOutput())).sha256)
      }
    },
  )

  test('stop promptly, with all that they made bookmarked, and nothing of it made again', async () => {
    const output = await newOutput()
    const engine = await begin()
    const begun = performance.now()
    const part = await runPart(plan, output, 3, engine)
    expect(performance.now() - begun).toBeLessThan(10_000)
    expect(part.made.length).toBeGreaterThanOrEqual(3)
    expect(part.made.length).toBeLessThan(slices)
    const bookmarked = part.events.reduce((sum, event) => sum + (event.kind === 'bookmarked' ? event.slices : 0), 0)
    expect(bookmarked).toBe(part.made.length)
    expect(existsSync(output)).toBe(false)
    const rest = await runToEnd(plan, output, engine)
    expect(rest).toMatchObject({ kept: part.made.length, discarded: 0, made: slices - part.made.length })
    expect(rest.sha256).toBe(expected)
  })

  test('go on where others stopped', async () => {
    const output = await newOutput()
    const part = await runPart(plan, output, 5)
    const rest = await runToEnd(plan, output, await begin())
    expect(rest).toMatchObject({ kept: part.made.length, made: slices - part.made.length, sha256: expected })
  })

  test('make what another engine gives up', async () => {
    const run = await runToEnd(plan, await newOutput(), await beginBesideLosses())
    expect(run).toMatchObject({ made: slices, sha256: expected })
  })

  test.each([
    [
      'NaN',
      'Q4_K_M',
      Number.NaN,
      'TENSOR_NON_FINITE',
      'holds 1 NaN or infinite weight, in row 3000 of token_embd.weight',
    ],
    [
      'too large a weight',
      'F16',
      70_000,
      'TENSOR_OVERFLOW',
      'has weights in row 3000 of token_embd.weight too large for',
    ],
  ] as const)('%s ends the conversion with tensor and row', async (_, recipe, weight, code, words) => {
    const folder = await damagedModel(embedding.name, 3000, weight)
    const output = await newOutput()
    const error = await refusal(runToEnd(await planFolder(folder, recipe as RecipeName), output, await begin()))
    expect(error.code).toBe(code)
    expect(error.message).toContain(words)
    expect(error.subject).toBe('token_embd.weight')
    expect(existsSync(output)).toBe(false)
  })

  test('a source that becomes shorter ends the conversion with its name', async () => {
    const folder = join(root(), `shorter-${outputs++}`)
    await cp(model(), folder, { recursive: true, preserveTimestamps: true })
    const shard = join(folder, 'model.safetensors')
    const output = await newOutput()
    let cut = false
    const onEvent = ({ kind }: ConvertEvent) => {
      if (kind !== 'slice' || cut) return
      cut = true
      truncateSync(shard, 5000)
    }
    const run = runToEnd(await planFolder(folder, 'Q4_K_M'), output, { ...(await begin()), onEvent })
    const error = await refusal(run)
    expect(error.code).toBe('SHARD_TRUNCATED')
    expect(error.message).toContain(`${shard} ends at byte 5000`)
    expect(existsSync(output)).toBe(false)
  })
})

describe('other machines', () => {
  test('that are not there yet are waited for, where no local thread is to make slices', async () => {
    const machines = await otherMachines()
    const output = await newOutput()
    const events: ConvertEvent[] = []
    const onEvent = (event: ConvertEvent) => void events.push(event)
    const { elsewhere } = machines
    const running = convert(plan, convertOptions(output, { threads: 0, elsewhere, onEvent }))
    await expect.poll(() => machines.coordinator.view().redisState).toBe('connected')
    expect(events.some(({ kind }) => kind === 'slice')).toBe(false)
    await machines.join()
    expect((await running).kind).toBe('published')
    expect(await fileSha256(output)).toBe(expected)
  })

  test('that never come hold no local thread up', async () => {
    const { elsewhere } = await otherMachines()
    const run = await runToEnd(plan, await newOutput(), { threads: 1, elsewhere })
    expect(run).toMatchObject({ made: slices, sha256: expected })
  })

  test('that are lost in the middle leave the rest to local threads', async () => {
    const machines = await otherMachines()
    await machines.join()
    let engine: Engine | undefined
    const elsewhere = (conversion: OpenConversion) => {
      engine = machines.elsewhere(conversion)
      return engine
    }
    let told = 0
    const onEvent = ({ kind }: ConvertEvent) => {
      if (kind === 'slice' && ++told === 3) void engine?.close()
    }
    const output = await newOutput()
    const outcome = await convert(plan, convertOptions(output, { threads: 1, elsewhere, onEvent }))
    expect(outcome.kind).toBe('published')
    expect(await fileSha256(output)).toBe(expected)
    expect(told).toBe(slices)
  })

  const harm: Readonly<Record<string, (redis: TestRedis) => Promise<unknown>>> = {
    'is killed': (redis) => redis.restart(),
    'is emptied': (redis) => redis.command('flushall'),
    'loses the records of jobs, but not their places in the queue': (redis) =>
      redis.command(
        'eval',
        "for _, key in ipairs(redis.call('keys', '*:tensors-*-*-*-*')) do redis.call('del', key) end",
        0,
      ),
    'evicts what it has': async (redis) => {
      await redis.command('config', 'set', 'maxmemory-policy', 'allkeys-lru')
      await redis.command('config', 'set', 'maxmemory', '1')
      // Writing is what evicts; with nothing left there may still be no room.
      await redis.command('set', 'junk', 'x').catch(() => {})
      await redis.command('config', 'set', 'maxmemory', '0')
    },
  }

  test.each(Object.keys(harm))('go on: half-way, Redis %s', async (how) => {
    const machines = await otherMachines()
    await machines.join()
    const { redis, elsewhere } = machines
    let told = 0
    let harmed: Promise<unknown> | undefined
    const onEvent = ({ kind }: ConvertEvent) => {
      if (kind === 'slice' && ++told === 3) harmed = harm[how]?.(redis)
    }
    const output = await newOutput()
    const outcome = await convert(plan, convertOptions(output, { threads: 0, elsewhere, onEvent }))
    expect(outcome.kind).toBe('published')
    await harmed
    expect(await fileSha256(output)).toBe(expected)
    expect(told).toBe(slices)
  })
})
