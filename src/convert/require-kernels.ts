import { MiberaError } from '../base/errors.ts'
import type { GgmlType } from '../formats/ggml/block-types.ts'
import type { Plan, TensorSource } from '../plan/plan.ts'
import { canQuantize } from '../quant/kernels.ts'

/** @throws MiberaError TYPE_UNSUPPORTED when the plan has a type that no kernel here writes, or a source none reads. */
export function requireKernels(plan: Plan): void {
  const tensor = plan.tensors.find(({ type, source }) => !isSupported(type, source))
  if (tensor === undefined) return
  const { source } = tensor
  if (canQuantize(tensor.type) && source.kind === 'rows') {
    throw new MiberaError(
      'TYPE_UNSUPPORTED',
      `${tensor.name} is ${source.dtype}, which cannot be turned into weights`,
      {
        subject: tensor.name,
        hint: 'Choose the --type that it has, or take a release of the model in F32, F16 or BF16.',
      },
    )
  }
  throw new MiberaError(
    'TYPE_UNSUPPORTED',
    `${tensor.name} would have to be stored as ${tensor.type}, which is not supported`,
    {
      subject: tensor.name,
      hint: `Its rows of ${tensor.columns} weights do not fit the type that the recipe wants. Choose another --type, e.g. Q8_0.`,
    },
  )
}

/** What is copied needs no kernel. */
function isSupported(type: GgmlType, source: TensorSource): boolean {
  if (source.kind === 'values') return canQuantize(type)
  return source.dtype === type || (canQuantize(type) && canQuantize(source.dtype))
}
