import type { SourceTensor } from '../model-input.ts'
import type { Dtype } from './dtype.ts'

/** One tensor as a shard's header declares it, after all laws of the format have been checked. */
export interface TensorEntry extends SourceTensor {
  readonly dtype: Dtype
}
