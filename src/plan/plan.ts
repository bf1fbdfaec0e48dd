import type { GgmlType } from '../formats/ggml/block-types.ts'
import type { RowTransform } from '../model/description.ts'
import type { MixName } from '../quant/choose-types.ts'
import type { PlannedImportance } from './importance.ts'

/**
 * Everything that decides the bytes of the output, computed before the first weight is read: what is written where, and
 * from which bytes of which source. The output is one file or several, which are made, and get their names, together.
 */
export interface Plan {
  /** SHA-256 (hex) of everything in the plan that decides output bytes, and of what identifies the sources. */
  readonly fingerprint: string
  /** "Q3_K_M", or "Q3_K_M,Q2_K" where files of several recipes are made. */
  readonly recipe: string
  readonly mix: MixName
  /** The importance matrix that it is made with, if there is one. */
  readonly importance?: PlannedImportance | undefined
  readonly sources: readonly PlanSource[]
  /** Those of the first recipe, then those of the next. */
  readonly files: readonly PlannedFile[]
  /** Of all files, one file after the other, in the order in which they stand there. */
  readonly tensors: readonly PlannedTensor[]
}

/** One file of the output. What it is called, `fileNames` says. */
export interface PlannedFile {
  readonly recipe: string
  /** Where the output of its recipe is split over several files: which of them it is, from 0, and of how many. */
  readonly shard: { readonly index: number; readonly count: number } | undefined
  /** Magic, metadata, tensor infos, padding up to the first tensor. */
  readonly header: Uint8Array
  /** Bytes of the whole file. */
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
  /** Position in `Plan.files` of the file that it stands in. */
  readonly file: number
  /** Byte position in that file. */
  readonly offset: number
  readonly byteLength: number
  readonly source: TensorSource
  /**
   * How much its columns count: one finite f32 ≥ 0 per column, or per expert and column, in shared memory. Absent where
   * all count alike, or blocks of the type are not chosen by that.
   */
  readonly importance?: Float32Array | undefined
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
