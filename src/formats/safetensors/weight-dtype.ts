import { quote } from '../../base/quote.ts'
import { isWeightDtype, type WeightDtype } from './dtype.ts'
import { shardError } from './shard-errors.ts'
import type { TensorEntry } from './tensor-entry.ts'

/**
 * The entry's data type, if weights can be read from it.
 * @throws MiberaError DTYPE_UNSUPPORTED, which names tensor and data type.
 */
export function requireWeightDtype(entry: TensorEntry, shardName: string): WeightDtype {
  if (isWeightDtype(entry.dtype)) return entry.dtype
  const what = `has tensor ${quote(entry.name)} as ${entry.dtype}, which cannot be converted yet`
  throw shardError('DTYPE_UNSUPPORTED', { name: shardName, path: shardName }, what)
}
