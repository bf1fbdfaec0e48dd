import * as z from 'zod'
import { MiberaError } from '../../base/errors.ts'
import type { SliceRange } from '../../convert/engine.ts'
import type { PlannedTensor } from '../../plan/plan.ts'
import { type Slice, sliceCount, sliceOf } from '../../plan/slices.ts'
import { schemaIssues } from '../schema-issues.ts'
import type { ActiveConversion, ActiveConversions } from './conversions/active-conversions.ts'
import { RequestError } from './refusals.ts'

/** Most slices that one question may be about; a job has sixteen. */
const mostSlicesAsked = 1024

/** One way to write each number, and none that is beyond what is exact. */
const number = z
  .string()
  .regex(/^(0|[1-9]\d{0,14})$/)
  .transform(Number)
const key = z.string().regex(/^[A-Za-z0-9-]{1,100}$/)

const keyParams = z.strictObject({ key })
const sourceParams = z.strictObject({ key, source: number })
const tensorParams = z.strictObject({ key, tensor: number })
const sliceParams = z.strictObject({ key, tensor: number, slice: number })
const wantedParams = z.strictObject({ key, tensor: number, firstSlice: number, slices: number })

/** A slice of a plan that was named in an address. */
export interface NamedSlice {
  readonly active: ActiveConversion
  readonly id: { readonly tensor: number; readonly slice: number }
  readonly tensor: PlannedTensor
  readonly slice: Slice
}

export function namedConversion(conversions: ActiveConversions, params: unknown): ActiveConversion {
  return conversions.require(lawfulPath(keyParams, params).key)
}

/** @throws MiberaError RANGE_REFUSED when the plan has no such source. */
export function namedSource(conversions: ActiveConversions, params: unknown) {
  const { key, source } = lawfulPath(sourceParams, params)
  const active = conversions.require(key)
  const planned = active.conversion.plan.sources[source]
  if (planned === undefined) throw new MiberaError('RANGE_REFUSED', `the plan has no source ${source}`)
  return { active, source, planned }
}

/** @throws MiberaError RANGE_REFUSED when the plan has no such tensor. */
export function namedTensor(conversions: ActiveConversions, params: unknown) {
  const { key, tensor: position } = lawfulPath(tensorParams, params)
  const tensor = conversions.require(key).conversion.plan.tensors[position]
  if (tensor === undefined) throw new MiberaError('RANGE_REFUSED', `the plan has no tensor ${position}`)
  return { tensor }
}

/** @throws MiberaError SLICE_REFUSED when the plan has no such slice. */
export function namedSlice(conversions: ActiveConversions, params: unknown): NamedSlice {
  const { key, tensor: position, slice: index } = lawfulPath(sliceParams, params)
  const active = conversions.require(key)
  const tensor = active.conversion.plan.tensors[position]
  if (tensor === undefined || index >= sliceCount(tensor)) throw noSlice(position, index)
  return { active, id: { tensor: position, slice: index }, tensor, slice: sliceOf(tensor, index) }
}

/** @throws MiberaError SLICE_REFUSED when the plan does not have all these slices. */
export function namedJob(conversions: ActiveConversions, params: unknown) {
  const { key, ...job } = lawfulPath(wantedParams, params)
  const active = conversions.require(key)
  const tensor = active.conversion.plan.tensors[job.tensor]
  const end = job.firstSlice + job.slices
  if (tensor === undefined || end > sliceCount(tensor)) throw noSlice(job.tensor, end - 1)
  if (job.slices < 1 || job.slices > mostSlicesAsked) throw noSlice(job.tensor, end - 1)
  return { active, job: job satisfies SliceRange }
}

/** @throws RequestError with status 400 */
export function lawfulDocument<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const text = schemaIssues(result.error).slice(0, 5).join('; ').slice(0, 500)
  throw new RequestError(400, new MiberaError('USAGE', text, { hint: 'See docs/workers.md.' }))
}

/** What does not look like an address of this listener is none. */
function lawfulPath<Schema extends z.ZodType>(schema: Schema, params: unknown): z.output<Schema> {
  const result = schema.safeParse(params)
  if (result.success) return result.data
  throw nothingThere()
}

export function nothingThere(): RequestError {
  return new RequestError(404, new MiberaError('USAGE', 'there is nothing here', { hint: 'See docs/workers.md.' }))
}

function noSlice(tensor: number, slice: number): MiberaError {
  return new MiberaError('SLICE_REFUSED', `the plan has no slice ${slice} of a tensor ${tensor}`)
}
