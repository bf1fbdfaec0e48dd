import type { Family } from './family.ts'
import { llamaSplit } from './llama-split.ts'
import { phiFused } from './phi-fused.ts'

/** Every family that is supported. */
export const families: readonly Family[] = [phiFused, llamaSplit]
