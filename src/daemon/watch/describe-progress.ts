import type { MiberaError } from '../../base/errors.ts'
import { listFirst, quoteIfOdd } from '../../base/quote.ts'
import type { Companion } from './companions.ts'
import type { ShardProgress } from './shard-progress.ts'

/** Shards on their way that the text names. */
const shownShards = 2

const shownCompanions = 2

export interface Progress {
  readonly shards: readonly ShardProgress[]
  readonly companions: readonly Companion[]
  /** A file without which no conversion begins. */
  readonly missing: string | undefined
  readonly flaw: MiberaError | undefined
}

/** "11 of 13 shards, model-00012 at 61 %", and what else is still to come. */
export function describeProgress({ shards, companions, missing, flaw }: Progress): string {
  if (flaw !== undefined) return flaw.message
  const whole = shards.filter((shard) => shard.whole).length
  const parts = [shards.length === 0 ? 'no shards yet' : `${whole} of ${shards.length} shards`]
  const begun = shards.filter((shard) => !shard.whole && shard.doneBytes > 0)
  if (begun.length > 0) parts.push(listFirst(begun.map(describeShard), shownShards))
  if (missing !== undefined) parts.push(`${missing} is not there yet`)
  if (whole === shards.length && companions.length > 0) parts.push(describeCompanions(companions))
  return parts.join(', ')
}

function describeShard({ name, doneBytes, promisedBytes }: ShardProgress): string {
  const short = quoteIfOdd(name.replace(/(?:-of-\d{5})?\.safetensors$/, ''))
  if (promisedBytes === undefined) return `${short} begun`
  if (doneBytes > promisedBytes) return `${short} is ${doneBytes - promisedBytes} bytes longer than its header promises`
  if (doneBytes === promisedBytes) return `${short} not released yet`
  return `${short} at ${Math.floor((100 * doneBytes) / promisedBytes)} %`
}

/** They may be left over from a download that was broken off: only the person can know. */
function describeCompanions(companions: readonly Companion[]): string {
  const names = listFirst(
    companions.map(({ name }) => name),
    shownCompanions,
  )
  return `a download seems to be under way: ${names}`
}
