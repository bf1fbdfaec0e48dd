import type { Contradiction } from '../model/description.ts'
import type { Plan, PlannedTensor } from '../plan/plan.ts'
import { type Bookmark, bookmarksByTensor } from './state/bookmarks.ts'

/** What stands beside a finished GGUF as NAME.gguf.report.json. docs/report.md describes every field. */
export interface Report {
  readonly format: 1
  readonly mibera: string
  readonly model: string
  readonly recipe: string
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
  /** Of each tensor, as read back. */
  readonly tensorSha256: readonly string[]
  readonly bookmarks: readonly Bookmark[]
}

export function makeReport(plan: Plan, facts: ReportFacts): Report {
  const slices = bookmarksByTensor(facts.bookmarks)
  const tensors = plan.tensors.map((tensor, index) =>
    reportTensor(tensor, facts.tensorSha256[index] ?? '', slices.get(index) ?? []),
  )
  const weights = plan.tensors.reduce((sum, { rows, columns }) => sum + rows * columns, 0)
  const tensorBytes = plan.tensors.reduce((sum, { byteLength }) => sum + byteLength, 0)
  return {
    format: 1,
    mibera: facts.version,
    model: facts.model,
    recipe: plan.recipe,
    mix: plan.mix,
    fingerprint: plan.fingerprint,
    totals: {
      bytes: plan.size,
      tensors: tensors.length,
      weights,
      bitsPerWeight: round((tensorBytes * 8) / weights, 4),
      fallbackBytes: plan.tensors.reduce((sum, { fallback }) => sum + (fallback?.extraBytes ?? 0), 0),
      threadSeconds: round(
        tensors.reduce((sum, { threadSeconds }) => sum + threadSeconds, 0),
        3,
      ),
    },
    header: { bytes: plan.header.length, sha256: facts.headerSha256 },
    sources: plan.sources.map(({ name, size, headerSha256 }) => ({ name, bytes: size, headerSha256 })),
    contradictions: facts.contradictions,
    tensors,
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
