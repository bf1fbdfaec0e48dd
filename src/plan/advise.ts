import type { ModelDescription } from '../model/description.ts'
import type { Plan } from './plan.ts'
import { planSize } from './plan-files.ts'
import { type RunMemory, runMemoryBytes } from './run-memory.ts'

/** What a person weighs before choosing a recipe. All sizes in bytes. */
export interface RecipeAdvice {
  readonly recipe: string
  /** The whole file, to the byte. */
  readonly outputBytes: number
  readonly tensorBytes: number
  readonly bitsPerWeight: number
  /** What types other than the wanted ones cost. */
  readonly fallbackBytes: number
  readonly fitsDisk: boolean
  /** Memory that llama.cpp needs to run the file. */
  readonly run: RunMemory
  readonly fitsMemory: boolean
}

export interface Machine {
  readonly freeDisk: number
  readonly memory: number
}

/** Tokens of context for which the memory is reckoned. */
export const advisedContext = 4096

/** Left to the system and everything else on the machine: a quarter of its memory, at least 2 GiB. */
function memoryForModel(machine: Machine): number {
  return machine.memory - Math.max(machine.memory / 4, 2 * 2 ** 30)
}

export function advise(plan: Plan, model: ModelDescription, machine: Machine): RecipeAdvice {
  const tensorBytes = plan.tensors.reduce((sum, { byteLength }) => sum + byteLength, 0)
  const run = runMemoryBytes({ ...model.dimensions, tensorBytes, context: advisedContext })
  return {
    recipe: plan.recipe,
    outputBytes: planSize(plan),
    tensorBytes,
    bitsPerWeight: (tensorBytes * 8) / model.parameters,
    fallbackBytes: plan.tensors.reduce((sum, { fallback }) => sum + (fallback?.extraBytes ?? 0), 0),
    fitsDisk: planSize(plan) <= machine.freeDisk,
    run,
    fitsMemory: run.total <= memoryForModel(machine),
  }
}

/**
 * Best first. Beyond Q6_K nothing is gained that a reader of the answers could notice, so larger types are never
 * recommended; each step down costs some quality (llama.cpp's perplexity tables order them so).
 */
const preference = ['Q6_K', 'Q5_K_M', 'Q5_K_S', 'Q4_K_M', 'Q4_K_S', 'Q3_K_L', 'Q3_K_M', 'Q3_K_S', 'Q2_K']

/** The best recipe that fits both disk and memory, or `undefined` when none does. */
export function recommend(advice: readonly RecipeAdvice[]): RecipeAdvice | undefined {
  return preference
    .map((name) => advice.find(({ recipe }) => recipe === name))
    .find((candidate) => candidate?.fitsDisk === true && candidate.fitsMemory)
}
