import { type GgmlType, ggmlTypeNames } from '#dist/formats/ggml/block-types.js'
import { canQuantize } from '#dist/quant/kernels.js'
import { gridTypes } from './grid-types.ts'

/** Stored weight by weight: test/oracle/float-kernels.test.ts. */
const floatTypes: readonly GgmlType[] = ['F32', 'F16', 'BF16']

/** Types with blocks, all that can be written. */
export const blockKernelTypes = ggmlTypeNames.filter((type) => canQuantize(type) && !floatTypes.includes(type))

/** Those without a grid, whose rows llama.cpp quantizes whatever the weights. */
export const plainKernelTypes = blockKernelTypes.filter((type) => !gridTypes.includes(type))
