/** Bytes of one element of each data type that safetensors names. Source: safetensors `enum Dtype`. */
const dtypeBytes = {
  F32: 4,
  F16: 2,
  BF16: 2,
  F64: 8,
  I64: 8,
  U64: 8,
  I32: 4,
  U32: 4,
  I16: 2,
  U16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
  F8_E8M0: 1,
} as const

export type Dtype = keyof typeof dtypeBytes

/** The data types that can be read as weights. */
export type WeightDtype = Extract<Dtype, 'F32' | 'F16' | 'BF16'>

export function isDtype(name: string): name is Dtype {
  return Object.hasOwn(dtypeBytes, name)
}

export function isWeightDtype(dtype: Dtype): dtype is WeightDtype {
  return dtype === 'F32' || dtype === 'F16' || dtype === 'BF16'
}

export function bytesPerElement(dtype: Dtype): number {
  return dtypeBytes[dtype]
}
