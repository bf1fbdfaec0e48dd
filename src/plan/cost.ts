import type { GgmlType } from '../formats/ggml/block-types.ts'
import type { Plan, PlannedTensor } from './plan.ts'
import { Twins } from './twins.ts'

/**
 * Nanoseconds of one thread per weight, by output type, rounded; bench/kernels measures them. Only the proportions
 * matter: they make an estimate of the remaining time move steadily from cheap to dear tensors.
 */
const quantizeCost: Readonly<Record<GgmlType, number>> = {
  F32: 0.4,
  F16: 0.6,
  BF16: 0.6,
  Q4_0: 2,
  Q4_1: 2,
  Q5_0: 2.5,
  Q5_1: 2.5,
  Q8_0: 1.5,
  Q2_K: 10,
  Q3_K: 2.7,
  Q4_K: 11.5,
  Q5_K: 9.5,
  Q6_K: 5.5,
  IQ1_S: 38,
  IQ1_M: 50,
  IQ2_XXS: 85,
  IQ2_XS: 85,
  IQ2_S: 70,
  IQ3_XXS: 143,
  IQ3_S: 104,
  IQ4_NL: 40,
  IQ4_XS: 40,
  TQ1_0: 1,
  TQ2_0: 1,
  MXFP4: 2,
  NVFP4: 3,
  Q1_0: 1.5,
  Q2_0: 1,
  F64: 0.8,
  I8: 0.1,
  I16: 0.2,
  I32: 0.4,
  I64: 0.8,
}

/** Nanoseconds per weight to bring the source into memory as F32; what is quantized costs a little more to unpack. */
const readCost: Readonly<Partial<Record<GgmlType, number>>> = { F32: 0.8, F16: 0.9, BF16: 0.6 }
const unpackCost = 1

/** To write what another file of the pass has as well. */
const writeCost = 0.1

/** Expected nanoseconds of one thread for the weights of a plan's tensors. */
export class PlanCost {
  /** Of all weights of all tensors. */
  readonly total: number
  readonly #perWeight: ReadonlyMap<PlannedTensor, number>

  constructor(plan: Pick<Plan, 'tensors'>) {
    const twins = new Twins(plan)
    this.#perWeight = new Map(
      plan.tensors.map((tensor, index) => {
        const first = twins.of(index).find((twin) => haveSameBlocks(plan.tensors[twin], tensor))
        return [tensor, first === index ? costPerWeight(tensor) : writeCost]
      }),
    )
    this.total = plan.tensors.reduce((sum, tensor) => sum + this.of(tensor, tensor.rows * tensor.columns), 0)
  }

  /** @param tensor of the plan. */
  of(tensor: PlannedTensor, weights: number): number {
    return weights * (this.#perWeight.get(tensor) ?? 0)
  }
}

function haveSameBlocks(twin: PlannedTensor | undefined, tensor: PlannedTensor): boolean {
  return twin?.type === tensor.type && twin.importance === tensor.importance
}

function costPerWeight(tensor: PlannedTensor): number {
  if (tensor.source.kind === 'values') return quantizeCost[tensor.type]
  const { dtype } = tensor.source
  const read = readCost[dtype] ?? unpackCost
  return dtype === tensor.type ? read : quantizeCost[tensor.type] + read
}
