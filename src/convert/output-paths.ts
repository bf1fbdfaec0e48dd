import { basename, dirname, join } from 'node:path'
import type { Plan } from '../plan/plan.ts'
import { fileNames } from '../plan/plan-files.ts'

/** One file of an output: itself, and what stands beside it. */
export interface OutputPaths {
  /** Absolute path of the finished file. */
  readonly output: string
  readonly part: string
  readonly report: string
}

export function outputPaths(output: string): OutputPaths {
  return { output, part: `${output}.part`, report: `${output}.report.json` }
}

/**
 * The paths of all files of a plan, in its order.
 * @param asked absolute path of the output asked for.
 */
export function planPaths(plan: Pick<Plan, 'files'>, asked: string): OutputPaths[] {
  return pathsBeside(asked, fileNames(plan, basename(asked)))
}

/** @param names of files in the folder of the output asked for. */
export function pathsBeside(asked: string, names: readonly string[]): OutputPaths[] {
  return names.map((name) => outputPaths(join(dirname(asked), name)))
}
