import { rowBytes } from '#dist/formats/ggml/block-types.js'
import type { Plan, PlannedTensor } from '#dist/plan/plan.js'

const type = 'Q3_K'

export interface LargePlan {
  readonly tensors: number
  /** Of each tensor. With 4096 columns 256 rows are a slice, and 4096 a job for other machines. */
  readonly rows: number
  readonly columns: number
}

/** A plan of as many jobs as wanted. There is no source and no header: nothing in it is ever read or written. */
export function largePlan({ tensors, rows, columns }: LargePlan): Plan {
  const byteLength = rows * rowBytes(type, columns)
  const planned = Array.from(
    { length: tensors },
    (_, index): PlannedTensor => ({
      name: `blk.${index}.ffn_up.weight`,
      shape: [rows, columns],
      rows,
      columns,
      type,
      reason: 'chosen for a bench',
      fallback: undefined,
      file: 0,
      offset: index * byteLength,
      byteLength,
      source: {
        kind: 'rows',
        names: [`model.layers.${index}.mlp.up_proj.weight`],
        dtype: 'BF16',
        ranges: [{ source: 0, offset: index * rows * columns * 2, rows }],
        transform: { kind: 'none' },
      },
    }),
  )
  return {
    fingerprint: '0'.repeat(64),
    recipe: 'Q3_K_M',
    mix: 'latest',
    sources: [
      {
        name: 'model.safetensors',
        path: '/nowhere/model.safetensors',
        size: tensors * rows * columns * 2,
        modifiedMs: 0,
        headerSha256: '0'.repeat(64),
      },
    ],
    files: [{ recipe: 'Q3_K_M', shard: undefined, header: new Uint8Array(0), size: tensors * byteLength }],
    tensors: planned,
  }
}
