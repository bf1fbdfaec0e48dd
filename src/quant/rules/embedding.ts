import { type GgmlType, rowsFit } from '../../formats/ggml/block-types.ts'
import type { Recipe } from '../recipes.ts'
import { isLowBit } from './low-bit.ts'
import { type Position, type RuledModel, type RuledType, type RuleTable, ruledType } from './ruled-type.ts'

/**
 * The output projection, or the embedding of a model that has none of its own: `columns` weights to a row. Rows that
 * are not whole blocks of 256 have Q8_0 under any recipe, for which Q6_K's fallback does.
 */
export function outputType({ name, baseType }: Recipe, columns: number, { falcon }: RuledModel): GgmlType {
  if (baseType === 'Q8_0' || name === 'MXFP4_MOE' || falcon) return 'Q8_0'
  return (name === 'IQ3_XXS' || isLowBit(name)) && rowsFit('Q5_K', columns) ? 'Q5_K' : 'Q6_K'
}

const embedding: RuleTable = {
  ...({ IQ1_S: 'Q2_K', IQ1_M: 'Q2_K', IQ2_XXS: 'Q2_K', IQ2_XS: 'Q2_K' } as const),
  ...({ IQ2_S: 'IQ3_S', IQ2_M: 'IQ3_S', IQ3_XXS: 'IQ3_S' } as const),
  ...({ Q2_0: 'Q4_K', TQ1_0: 'Q4_K', TQ2_0: 'Q4_K' } as const),
}

/** The embedding of a model that has an output projection too. */
export function embeddingType({ name }: Recipe, at: Position): RuledType | undefined {
  return ruledType(embedding, name, at, 'token embedding')
}
