import type { GgmlType } from '#dist/formats/ggml/block-types.js'
import { openGgml } from './llama-cpp.ts'

/** `TYPE UNIT`: llama.cpp quantizes three superblocks of 1 … 7 times UNIT, and may end this process. */
const [type = '', unit = ''] = process.argv.slice(2)
const columns = 3 * 256
const weights = Float32Array.from({ length: columns }, (_, index) => (1 + (index % 7)) * Number(unit))
openGgml().quantize(type as GgmlType, weights, columns, new Float32Array(columns).fill(1))
