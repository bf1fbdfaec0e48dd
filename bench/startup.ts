import { machine } from './machine.ts'
import { writeResults } from './results.ts'
import { printFigures, runNode, wallTime, withFullSize } from './startup/full-size.ts'

/** How long a person waits for an answer: whole processes, Node's own start included, on a full-size Phi-4. */
const rounds = 7

await withFullSize(async ({ model, command }) => {
  const seconds = (words: string[]) => wallTime(rounds, () => runNode(words))
  const figures = {
    nodeSeconds: await seconds(['-e', '0']),
    inspectSeconds: await seconds(command('inspect', model)),
    planSeconds: await seconds(command('plan', model)),
    daemonStartSeconds: await wallTime(
      rounds,
      () => runNode(command('daemon', 'start')),
      () => runNode(command('daemon', 'stop')),
    ),
  }
  printFigures(figures)
  await writeResults('startup', { ...machine(), rounds, ...figures })
})
