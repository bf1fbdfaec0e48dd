import type { Contradiction } from '../model/description.ts'
import type { Plan, PlannedTensor } from '../plan/plan.ts'
import { tensorsOfFile } from '../plan/plan-files.ts'
import { type Bookmark, bookmarksByTensor } from './state/bookmarks.ts'

/** What stands beside a finished GGUF as NAME.gguf.report.json. docs/report.md describes every field. */
export interface Report {
  readonly format: 1
  readonly mibera: string
  readonly model: string
  readonly recipe: string
  /** Where the output is split over several files: which of them this is, from 0, and of how many. */
  readonly shard?: { readonly index: number; readonly count: number }
  readonly mix: string
  readonly fingerprint: string
  readonly totals: ReportTotals
  readonly header: { readonly bytes: number; readonly sha256: string }
  readonly sources: readonly { readonly name: string; readonly bytes: number; readonly headerSha256: string }[]
  readonly contradictions: readonly Contradiction[]
  readonly tensors: readonly ReportTensor[]
}

export interface ReportTotals {
  readonly bytes: number
  readonly tensors: number
  readonly weights: number
  readonly bitsPerWeight: number
  /** Bytes that types other than the wanted ones cost. */
  readonly fallbackBytes: number
  /** Work of all threads, over all runs. */
  readonly threadSeconds: number
}

export interface ReportTensor {
  readonly name: string
  readonly shape: readonly number[]
  readonly type: string
  readonly reason: string
  readonly fallback?: { readonly wanted: string; readonly extraBytes: number }
  readonly source: { readonly tensors: readonly string[]; readonly dtype: string } | 'computed'
  readonly offset: number
  readonly bytes: number
  readonly sha256: string
  readonly error: TensorError
  readonly threadSeconds: number
}

export interface TensorError {
  /** Root of the mean squared difference between a weight and what its blocks restore to. */
  readonly rmse: number
  /** RMSE divided by the root mean square of the weights; 0 for a tensor of zeros. */
  readonly relative: number
  /** How many weights were compared. */
  readonly comparedWeights: number
}

export interface ReportFacts {
  readonly version: string
  readonly model: string
  readonly contradictions: readonly Contradiction[]
  readonly headerSha256: string
  /** Of each tensor of the plan, as read back. */
  readonly tensorSha256: readonly string[]
  readonly bookmarks: readonly Bookmark[]
}

/** @param file position in `plan.files` of the file that is reported on. */
export function makeReport(plan: Plan, file: number, facts: ReportFacts): Report {
  const planned = plan.files[file]
  if (planned === undefined) throw new RangeError(`the plan has no file ${file}`)
  const slices = bookmarksByTensor(facts.bookmarks)
  const own = tensorsOfFile(plan, file)
  const tensors = own.map(({ tensor, index }) =>
    reportTensor(tensor, facts.tensorSha256[index] ?? '', slices.get(index) ?? []),
  )
  const weights = own.reduce((sum, { tensor }) => sum + tensor.rows * tensor.columns, 0)
  const tensorBytes = own.reduce((sum, { tensor }) => sum + tensor.byteLength, 0)
  return {
    format: 1,
    mibera: facts.version,
    model: facts.model,
    recipe: planned.recipe,
    ...(planned.shard === undefined ? {} : { shard: planned.shard }),
    mix: plan.mix,
    fingerprint: plan.fingerprint,
    totals: {
      bytes: planned.size,
      tensors: tensors.length,
      weights,
      bitsPerWeight: weights === 0 ? 0 : round((tensorBytes * 8) / weights, 4),
      fallbackBytes: own.reduce((sum, { tensor }) => sum + (tensor.fallback?.extraBytes ?? 0), 0),
      threadSeconds: round(
        tensors.reduce((sum, { threadSeconds }) => sum + threadSeconds, 0),
        3,
      ),
    },
    header: { bytes: planned.header.length, sha256: facts.headerSha256 },
    sources: plan.sources.map(({ name, size, headerSha256 }) => ({ name, bytes: size, headerSha256 })),
    contradictions: facts.contradictions,
    tensors,
  }
}

/** The totals of all files of an output. */
export function sumTotals(reports: readonly Report[]): ReportTotals {
  const sum = (figure: (totals: ReportTotals) => number) =>
    reports.reduce((total, report) => total + figure(report.totals), 0)
  const weights = sum((totals) => totals.weights)
  return {
    bytes: sum(({ bytes }) => bytes),
    tensors: sum(({ tensors }) => tensors),
    weights,
    bitsPerWeight: round(sum((totals) => totals.bitsPerWeight * totals.weights) / weights, 4),
    fallbackBytes: sum(({ fallbackBytes }) => fallbackBytes),
    threadSeconds: round(
      sum(({ threadSeconds }) => threadSeconds),
      3,
    ),
  }
}

function reportTensor(tensor: PlannedTensor, sha256: string, slices: readonly Bookmark[]): ReportTensor {
  const { name, shape, type, reason, fallback, offset, byteLength, source } = tensor
  return {
    name,
    shape,
    type,
    reason,
    ...(fallback === undefined ? {} : { fallback }),
    source: source.kind === 'rows' ? { tensors: source.names, dtype: source.dtype } : 'computed',
    offset,
    bytes: byteLength,
    sha256,
    error: tensorError(slices),
    threadSeconds: round(slices.reduce((sum, { milliseconds }) => sum + milliseconds, 0) / 1000, 6),
  }
}

function tensorError(slices: readonly Bookmark[]): TensorError {
  const compared = slices.reduce((sum, slice) => sum + slice.compared, 0)
  const squaredError = slices.reduce((sum, slice) => sum + slice.squaredError, 0)
  const energy = slices.reduce((sum, slice) => sum + slice.energy, 0)
  return {
    rmse: compared === 0 ? 0 : Math.sqrt(squaredError / compared),
    relative: energy === 0 ? 0 : Math.sqrt(squaredError / energy),
    comparedWeights: compared,
  }
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}
