import type { GgufValue } from '../../formats/gguf/values.ts'
import type { JsonObject, JsonValue } from '../json-file.ts'

/** Fields of generation_config.json with their GGUF keys and types, in the order in which they are written. */
const samplingFields = [
  ['sequence', 'general.sampling.sequence', 'string'],
  ['top_k', 'general.sampling.top_k', 'i32'],
  ['top_p', 'general.sampling.top_p', 'f32'],
  ['min_p', 'general.sampling.min_p', 'f32'],
  ['xtc_probability', 'general.sampling.xtc_probability', 'f32'],
  ['xtc_threshold', 'general.sampling.xtc_threshold', 'f32'],
  ['temperature', 'general.sampling.temp', 'f32'],
  ['penalty_last_n', 'general.sampling.penalty_last_n', 'i32'],
  ['penalty_repeat', 'general.sampling.penalty_repeat', 'f32'],
  ['mirostat', 'general.sampling.mirostat', 'i32'],
  ['mirostat_tau', 'general.sampling.mirostat_tau', 'f32'],
  ['mirostat_eta', 'general.sampling.mirostat_eta', 'f32'],
] as const

/** The recommended sampling settings. Fields of another type than llama.cpp knows are left out. */
export function samplingKeys(generation: JsonObject): readonly (readonly [string, GgufValue])[] {
  return samplingFields.flatMap(([field, key, type]) => {
    const value = samplingValue(generation[field], type)
    return value === undefined ? [] : [[key, value] as const]
  })
}

function samplingValue(value: JsonValue | undefined, type: 'string' | 'i32' | 'f32'): GgufValue | undefined {
  if (type === 'string') return typeof value === 'string' && value !== '' ? { type, value } : undefined
  if (typeof value !== 'number') return undefined
  return type === 'f32' || Number.isInteger(value) ? { type, value } : undefined
}
