import { formatBytes } from '../../base/byte-count.ts'
import { rowBytes } from '../../formats/ggml/block-types.ts'
import type { Plan, PlannedTensor } from '../../plan/plan.ts'
import { planSize, tensorsOfFile } from '../../plan/plan-files.ts'
import { table } from './table.ts'
import { wrap } from './wrap.ts'

/**
 * What a plan would make, for a person: of each file a row for each tensor. `names`: of the files. Reasons are as long as
 * a line and few: they stand below the tables, numbered. At most 80 columns, unless names are long.
 */
export function dryRunText(plan: Plan, names: readonly string[]): string {
  const head = ['tensor', 'shape', 'from', 'to', 'size', 'why']
  const reasons = [...new Set(plan.tensors.map(({ reason }) => reason))]
  const files = plan.files.flatMap(({ size }, file) => {
    const rows = tensorsOfFile(plan, file).map(({ tensor }) => row(tensor, reasons.indexOf(tensor.reason) + 1))
    return [`${names[file]}: ${formatBytes(size)}`, '', table(head, rows, 'lrllrr'), '']
  })
  const digits = String(reasons.length).length
  const notes = reasons.flatMap((reason, index) => {
    const number = `(${String(index + 1).padStart(digits)})`
    return wrap(`${number} ${reason}`, 80, ' '.repeat(number.length + 1))
  })
  return [...files, ...notes, '', `Nothing was written; all in all ${formatBytes(planSize(plan))}.`, ''].join('\n')
}

function row(tensor: PlannedTensor, reason: number): string[] {
  return [
    tensor.name,
    tensor.shape.join(' x '),
    sourceType(tensor),
    tensor.type,
    formatBytes(tensor.byteLength),
    `(${reason})`,
  ]
}

/** The same as JSON; sizes in bytes. */
export function dryRunDocument(plan: Plan, names: readonly string[]): object {
  return {
    outcome: 'dry-run',
    mix: plan.mix,
    size: planSize(plan),
    files: plan.files.map(({ recipe, size }, file) => ({
      ...{ name: names[file], recipe, size },
      tensors: tensorsOfFile(plan, file).map(({ tensor }) => ({
        name: tensor.name,
        shape: tensor.shape,
        from: sourceType(tensor),
        fromBytes: sourceBytes(tensor),
        type: tensor.type,
        bytes: tensor.byteLength,
        reason: tensor.reason,
        fallback: tensor.fallback ?? null,
      })),
    })),
  }
}

const sourceType = ({ source }: PlannedTensor): PlannedTensor['type'] => (source.kind === 'rows' ? source.dtype : 'F32')

function sourceBytes(tensor: PlannedTensor): number {
  return tensor.rows * rowBytes(sourceType(tensor), tensor.columns)
}
