import type { GgmlType } from '../formats/ggml/block-types.ts'
import type { Segment } from '../plan/slices.ts'
import type { SliceId } from './slice-id.ts'

/** What a worker thread is given once, before its first job. */
export interface WorkerSetup {
  readonly kernels: WebAssembly.Module
  readonly room: BufferRoom
}

/** What a worker thread is given that works on files of this machine. */
export interface LocalSetup extends WorkerSetup {
  /** Absolute paths, numbered as in `Plan.sources`; undefined for those that are no longer needed. */
  readonly sources: readonly (string | undefined)[]
  /** Absolute paths, numbered as in `Plan.files`. */
  readonly outputs: readonly string[]
}

/** How large the buffers of a thread must be: maxima over all slices of the plan. */
export interface BufferRoom {
  readonly sourceBytes: number
  /** Of all that is made of the same rows. */
  readonly outputBytes: number
  /** Weights that have to be turned into F32 at a time; 0 when all sources are F32 or copied. */
  readonly widenedWeights: number
  readonly columns: number
  /** Columns of a tensor whose blocks are chosen by importances; 0 when there is none. */
  readonly importanceColumns: number
  /** Bytes of the tables that the kernels fill in for the plan's types. */
  readonly tableBytes: number
  /** Bytes of the importances, which all threads share. */
  readonly sharedBytes: number
}

export type Job = QuantizeJob | CheckJob | ScanJob | ReadBackJob | ReleaseJob

/** Reads rows, quantizes them, hands the blocks on. */
export interface QuantizeJob extends SliceInput {
  readonly kind: 'quantize'
  readonly columns: number
  /** What is made of the rows: a slice, or several of tensors that have the same source. */
  readonly targets: readonly QuantizeTarget[]
}

export interface QuantizeTarget {
  readonly id: SliceId
  readonly type: GgmlType
  readonly importance: RowImportance | undefined
  /** Position in `Plan.files`. */
  readonly file: number
  /** Byte position of the blocks in that file. */
  readonly offset: number
  readonly byteLength: number
}

/** Reads rows, quantizes them, and compares the blocks with those that somebody else made of them. */
export interface CheckJob extends SliceInput {
  readonly kind: 'check'
  readonly type: GgmlType
  readonly columns: number
  readonly importance: RowImportance | undefined
  readonly blocks: Uint8Array
}

/** How much the columns count in the rows of a job. */
export interface RowImportance {
  /** Of the whole tensor, in memory that all threads share: one per column, matrix after matrix. */
  readonly values: Float32Array
  /** Position of the job's first row in the tensor. */
  readonly firstRow: number
  /** A tensor of experts is one matrix for each; otherwise all of its rows. */
  readonly rowsPerMatrix: number
}

/** Counts the NaN and infinite weights of a slice. */
export interface ScanJob extends SliceInput {
  readonly kind: 'scan'
  readonly columns: number
}

export interface SliceInput {
  readonly rows: number
  readonly weights: number
  readonly input: SegmentInput | { readonly kind: 'values'; readonly values: readonly number[] }
}

export interface SegmentInput {
  readonly kind: 'segments'
  readonly dtype: GgmlType
  readonly segments: readonly Segment[]
}

/** Reads consecutive slices of a file of the output back. */
export interface ReadBackJob {
  readonly kind: 'read-back'
  /** Position in `Plan.files`. */
  readonly file: number
  readonly offset: number
  readonly slices: readonly WrittenSlice[]
  /** Whether the SHA-256 of all of them together is wanted. */
  readonly digest: boolean
}

export interface WrittenSlice {
  readonly byteLength: number
  /** As in {@link MadeSlice}. */
  readonly checksum: Uint8Array
}

/** Closes a source that is no longer needed. */
export interface ReleaseJob {
  readonly kind: 'release'
  readonly source: number
}

export interface JobResults {
  quantize: QuantizeResult
  check: CheckResult
  scan: ScanResult
  'read-back': ReadBackResult
  release: null
}

export type QuantizeResult =
  /** What was made, target by target. */
  | { readonly outcome: 'written'; readonly made: readonly MadeSlice[] }
  /** Some weights are NaN or infinite: nothing was written. */
  | { readonly outcome: 'non-finite' }
  /**
   * A block's scale is beyond what half precision holds: nothing was written. `target` is the position in the job's
   * targets, `row` counts from the slice's first.
   */
  | { readonly outcome: 'overflow'; readonly target: number; readonly row: number }

/** What is known of a slice's blocks besides themselves. */
export interface MadeSlice extends MeasuredError {
  /** What its blocks are recognised by: of one of the kinds in ./block-checksum.ts. */
  readonly checksum: Uint8Array
  /** Time that the thread computed; waiting for the disk is not in it. */
  readonly milliseconds: number
}

export interface MeasuredError {
  /** Sum of (weight − restored weight)² over the weights compared. */
  readonly squaredError: number
  /** Sum of weight² over the weights compared. */
  readonly energy: number
  /** How many weights were compared. */
  readonly compared: number
}

export interface CheckResult {
  readonly same: boolean
}

export interface ScanResult {
  readonly count: number
  /** First row with such a weight, counted from the slice's first row; -1 when there is none. */
  readonly firstRow: number
}

export interface ReadBackResult {
  /** Positions among the job's slices of those that are not as they were written. */
  readonly damaged: readonly number[]
  /** SHA-256 of all slices together, where it was wanted. */
  readonly sha256: Uint8Array | undefined
}

export type ThreadMessage<Setup> =
  | { readonly kind: 'setup'; readonly setup: Setup }
  | { readonly kind: 'job'; readonly id: number; readonly job: Job }

export type Reply =
  | { readonly kind: 'done'; readonly id: number; readonly result: JobResults[keyof JobResults] }
  | { readonly kind: 'failed'; readonly id: number; readonly error: PortableError }

/** An error in a form that crosses threads without losing its code. */
export interface PortableError {
  readonly code: string | undefined
  readonly message: string
  readonly subject: string | undefined
  readonly hint: string | undefined
  readonly stack: string | undefined
}
