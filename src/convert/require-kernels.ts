import { MiberaError } from '../base/errors.ts'
import type { Plan } from '../plan/plan.ts'
import { canQuantize } from '../quant/kernels.ts'

/** @throws MiberaError TYPE_UNSUPPORTED when the plan has a type that no kernel here writes. */
export function requireKernels(plan: Plan): void {
  const tensor = plan.tensors.find(({ type }) => !canQuantize(type))
  if (tensor === undefined) return
  throw new MiberaError(
    'TYPE_UNSUPPORTED',
    `${tensor.name} would have to be stored as ${tensor.type}, which is not supported`,
    {
      subject: tensor.name,
      hint: `Its rows of ${tensor.columns} weights do not fit the type that the recipe wants. Choose another --type, e.g. Q8_0.`,
    },
  )
}
