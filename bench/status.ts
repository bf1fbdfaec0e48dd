import { join } from 'node:path'
import { DaemonClient } from '#dist/daemon/client.js'
import type { JobView, Status } from '#dist/daemon/protocol.js'
import { machine } from './machine.ts'
import { writeResults } from './results.ts'
import { printFigures, runNode, wallTime, withFullSize } from './startup/full-size.ts'

/**
 * How long `mibera jobs status` takes, whole process, while the daemon converts a full-size Phi-4 of 243 tensors with
 * all threads: alone, with a thousand conversions in line, and without a daemon. Beside it stand what Node's own start
 * takes, idle and beside the conversion, and the daemon's answer alone.
 */
const rounds = 11
const inLine = 1000

await withFullSize(async ({ folder, model, command }) => {
  const client = new DaemonClient(join(folder, 'state'))
  const status = command('jobs', 'status')
  const wall = (words: string[]) => wallTime(rounds, () => runNode(words))
  const addJob = (index: number) =>
    client.ask<JobView>('POST', '/v1/jobs', { model, output: join(folder, `${index}.gguf`), recipe: 'Q4_K_M' })
  try {
    const nodeSeconds = await wall(['-e', '0'])
    await runNode(command('daemon', 'start'))
    await addJob(0)
    await converting(client)
    const nodeInFlightSeconds = await wall(['-e', '0'])
    const inFlightSeconds = await wall(status)
    const answerInFlightSeconds = await wallTime(rounds, () => client.ask('GET', '/v1/status'))
    for (let index = 1; index <= inLine; index++) await addJob(index)
    const thousandInLineSeconds = await wall(status)
    const { counts, jobs } = (await client.ask<Status>('GET', '/v1/status')) as Status
    if (counts.running !== 1 || counts.queued !== inLine) throw new Error(`not as meant: ${JSON.stringify(counts)}`)
    const tensors = jobs.find((job) => job.state === 'running')?.live?.tensor?.count
    await runNode(command('daemon', 'stop'))
    const withoutDaemonSeconds = await wall(status)

    const figures = {
      nodeSeconds,
      nodeInFlightSeconds,
      answerInFlightSeconds,
      inFlightSeconds,
      thousandInLineSeconds,
      withoutDaemonSeconds,
    }
    console.log(`${tensors} tensors, all threads at work; medians of ${rounds}, in seconds:`)
    printFigures(figures)
    await writeResults('status', { ...machine(), rounds, tensors, inLine, ...figures })
  } finally {
    await client.stop()
  }
})

async function converting(client: DaemonClient): Promise<void> {
  for await (const { event, data } of (await client.events('')) ?? []) {
    if (event !== 'status') continue
    if ((JSON.parse(data) as Status).jobs.some(({ live }) => live?.phase === 'converting')) return
  }
  throw new Error('the daemon ended before it converted anything')
}
