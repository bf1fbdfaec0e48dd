import { allSlices } from '#dist/convert/slice-job.js'
import { sliceOf } from '#dist/plan/slices.js'
import { run } from '../helpers/command-line.ts'
import { typescriptChild } from '../helpers/typescript-child.ts'
import type { Trial } from './trial.ts'

const script = new URL('./duplicates-child.ts', import.meta.url)

/**
 * Has at most `most` slices that are wanted at this moment delivered three times each, on the hub.
 * @returns what became of each delivery, by slice.
 */
export async function duplicates(trial: Trial, most: number): Promise<string[][]> {
  const { plan, expected } = trial.options.model
  const slices = [...allSlices(plan)].flatMap((id) => {
    const tensor = plan.tensors[id.tensor]
    if (tensor === undefined) return []
    const { offset, byteLength } = sliceOf(tensor, id.slice)
    return [{ ...id, offset, byteLength }]
  })
  const task = { ...trial.entrance, key: trial.key, made: expected.path, slices, most }
  const [program, words] = trial.network.hub.command(process.execPath, typescriptChild(script))
  const end = await run(program, words, { env: { DUPLICATES: JSON.stringify(task) } })
  if (end.status !== 0) throw new Error(`slices could not be delivered:\n${end.stderr}`)
  return JSON.parse(end.stdout) as string[][]
}
