import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { RecipeName } from '#dist/quant/recipes.js'
import { planFolder } from '../../test/helpers/convert-folder.ts'
import { readThrough, startQuietly } from './quiet-start.ts'

/** What no conversion can be faster than. */
export interface Floor {
  /** To read all sources once, by one thread. */
  readonly readSeconds: number
  /** To quantize all weights, by one thread that has them in memory, while the others do the same. */
  readonly kernelSeconds: number
}

export interface KernelOrders {
  readonly model: string
  readonly type: RecipeName
}

export async function measureFloor(orders: KernelOrders, threads: number): Promise<Floor> {
  const readSeconds = await timeOfReading(orders)
  const others = await Promise.all(Array.from({ length: threads }, () => startKernels(orders)))
  const times = await Promise.all(others.map(runKernels))
  return { readSeconds, kernelSeconds: times.reduce((sum, time) => sum + time, 0) / threads }
}

async function timeOfReading({ model, type }: KernelOrders): Promise<number> {
  const { sources } = await planFolder(model, type)
  await startQuietly(model)
  const begun = performance.now()
  await readThrough(sources.map(({ path }) => path))
  return (performance.now() - begun) / 1000
}

/** A process that is ready to begin. */
async function startKernels(orders: KernelOrders): Promise<ChildProcess> {
  const loader = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href
  const script = fileURLToPath(new URL('./kernel-share.ts', import.meta.url))
  const child = fork(script, [JSON.stringify(orders)], { execArgv: ['--import', loader] })
  await heard(child)
  return child
}

/** Seconds for all weights. */
async function runKernels(child: ChildProcess): Promise<number> {
  child.send('begin')
  const seconds = await heard(child)
  child.disconnect()
  return Number(seconds)
}

async function heard(child: ChildProcess): Promise<unknown> {
  const ended = once(child, 'exit').then(([status]) => {
    throw new Error(`the process for the kernels ended with ${status}`)
  })
  const [message] = await Promise.race([once(child, 'message'), ended])
  return message
}
