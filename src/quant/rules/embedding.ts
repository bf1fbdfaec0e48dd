import { type GgmlType, rowsFit } from '../../formats/ggml/block-types.ts'
import type { Recipe } from '../recipes.ts'
import { type Position, type RuledType, type RuleTable, ruledType } from './ruled-type.ts'

/**
 * The output projection, or the embedding of a model that has none of its own: `columns` weights to a row. Rows that
 * are not whole blocks of 256 have Q8_0 under any recipe, for which Q6_K's fallback does.
 */
export function outputType({ name, baseType }: Recipe, columns: number): GgmlType {
  if (baseType === 'Q8_0' || name === 'MXFP4_MOE') return 'Q8_0'
  return name === 'IQ3_XXS' && rowsFit('Q5_K', columns) ? 'Q5_K' : 'Q6_K'
}

const embedding: RuleTable = { Q2_0: 'Q4_K', TQ1_0: 'Q4_K', TQ2_0: 'Q4_K', IQ3_XXS: 'IQ3_S' }

/** The embedding of a model that has an output projection too. */
export function embeddingType({ name }: Recipe, at: Position): RuledType | undefined {
  return ruledType(embedding, name, at, 'token embedding')
}
