import { join } from 'node:path'
import { writeCl100kTokenizer } from '../fixtures/cl100k-tokenizer.ts'
import { writeModelFolder } from '../fixtures/model-folder.ts'
import type { ModelShape } from '../fixtures/model-shapes.ts'
import { program } from './conversion/program.ts'
import { machine } from './machine.ts'
import { median } from './median.ts'
import { writeResults } from './results.ts'
import { runNode, withFullSize } from './startup/full-size.ts'

/**
 * How long a person waits for an answer: whole processes, on a full-size Phi-4, and a conversion of so little (8 million
 * weights to Q8_0) that it is all start and end. Every round runs each of them and, right before, Node with nothing to
 * do: what a process takes above that, in the same round, is this program's own.
 */
const rounds = 11

const smallShape: ModelShape = {
  layers: 1,
  hidden: 256,
  feedForward: 512,
  heads: 2,
  kvHeads: 1,
  headSize: 128,
  vocabulary: 16_544,
}

interface Figure {
  readonly seconds: number
  readonly aboveNodeSeconds: number
}

await withFullSize(async ({ folder, model, command }) => {
  const small = join(folder, 'small')
  await writeModelFolder(small, smallShape, {
    dtype: 'F32',
    extras: (path) => writeCl100kTokenizer(path, { tokens: 16_000 }),
  })
  const output = ['--out', join(folder, 'small.gguf'), '--force', '--quiet']
  const convertSmall = command('convert', small, '--type', 'Q8_0', '--pre', 'dbrx', '--threads', '2', ...output)
  const figures = {
    version: await figure(() => runNode([program, '--version'])),
    help: await figure(() => runNode([program, '--help'])),
    convertHelp: await figure(() => runNode([program, 'convert', '--help'])),
    inspect: await figure(() => runNode(command('inspect', model))),
    plan: await figure(() => runNode(command('plan', model))),
    smallConversion: await figure(() => runNode(convertSmall)),
    daemonStart: await figure(
      () => runNode(command('daemon', 'start')),
      () => runNode(command('daemon', 'stop')),
    ),
  }
  await writeResults('startup', { ...machine(), rounds, ...figures })
  for (const [name, { seconds, aboveNodeSeconds }] of Object.entries(figures)) {
    console.log(`${name.padEnd(16)} ${seconds.toFixed(3)} s, ${aboveNodeSeconds.toFixed(3)} above Node's own`)
  }
})

/** Medians; `after` is done each time and not counted. */
async function figure(act: () => Promise<unknown>, after: () => Promise<unknown> = async () => {}): Promise<Figure> {
  const taken: number[] = []
  const above: number[] = []
  for (let round = 0; round < rounds; round++) {
    const node = await secondsOf(() => runNode(['-e', '0']))
    const own = await secondsOf(act)
    await after()
    taken.push(own)
    above.push(own - node)
  }
  return { seconds: median(taken), aboveNodeSeconds: median(above) }
}

async function secondsOf(act: () => Promise<unknown>): Promise<number> {
  const begun = performance.now()
  await act()
  return (performance.now() - begun) / 1000
}
