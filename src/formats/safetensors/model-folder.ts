import type { ModelInput, SourceFile } from '../model-input.ts'
import type { TensorEntry } from './tensor-entry.ts'

/** One safetensors file. */
export type Shard = SourceFile

/** A folder of safetensors. */
export interface ModelFolder extends ModelInput {
  readonly tensors: ReadonlyMap<string, TensorEntry>
}
