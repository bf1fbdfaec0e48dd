import type { GgmlType } from '../formats/ggml/block-types.ts'
import type { RowTransform } from '../model/description.ts'
import type { MixName } from '../quant/choose-types.ts'

/**
 * Everything that decides the bytes of an output file, computed before the first weight is read: what is written
 * where, and from which bytes of which source.
 */
export interface Plan {
  /** SHA-256 (hex) of everything in the plan that decides output bytes, and of what identifies the sources. */
  readonly fingerprint: string
  readonly recipe: string
  readonly mix: MixName
  readonly sources: readonly PlanSource[]
  /** Header of the output: magic, metadata, tensor infos, padding up to the first tensor. */
  readonly header: Uint8Array
  /** In the order in which they stand in the file. */
  readonly tensors: readonly PlannedTensor[]
  /** Bytes of the whole output file. */
  readonly size: number
}

/** What identifies a source file across runs. Its path does not: a moved folder is the same source. */
export interface PlanSource {
  readonly name: string
  readonly path: string
  readonly size: number
  readonly modifiedMs: number
  readonly headerSha256: string
}

export interface PlannedTensor {
  /** GGUF name. */
  readonly name: string
  /** Outermost dimension first: [rows, columns] or [columns]. */
  readonly shape: readonly number[]
  readonly rows: number
  readonly columns: number
  readonly type: GgmlType
  /** Why this type, in one line. */
  readonly reason: string
  /** The type the recipe wanted where its rows could not be stored so, and the bytes that this costs. */
  readonly fallback: { readonly wanted: GgmlType; readonly extraBytes: number } | undefined
  /** Byte position in the output file. */
  readonly offset: number
  readonly byteLength: number
  readonly source: TensorSource
}

export type TensorSource =
  | {
      readonly kind: 'rows'
      /** Names of the source tensors, for messages and the report. */
      readonly names: readonly string[]
      /** As the source stores it. Rows of the same type as the output are copied. */
      readonly dtype: GgmlType
      /** Contiguous runs of rows, one after another the rows of the tensor before the transform. */
      readonly ranges: readonly SourceRange[]
      readonly transform: RowTransform
    }
  | { readonly kind: 'values'; readonly values: readonly number[] }

export interface SourceRange {
  /** Position in `Plan.sources`. */
  readonly source: number
  /** Byte position of the first row in the source file. */
  readonly offset: number
  readonly rows: number
}
