import { MiberaError } from '../base/errors.ts'
import { blockTypes, type GgmlType } from '../formats/ggml/block-types.ts'
import type { RecipeName } from './recipes.ts'

/** Where llama.cpp stops rather than choose a type, and where it should. */

/** @param guided whether there is an importance matrix, which then lacks the tensor */
export function importanceMissing(tensor: string, type: GgmlType, recipe: string, guided: boolean): MiberaError {
  const lacking = guided ? 'and the importance matrix has no entry for it' : 'without an importance matrix'
  return new MiberaError(
    'IMPORTANCE_MISSING',
    `${recipe} stores ${tensor} as ${type}, which llama.cpp refuses ${guided ? 'to make blindly, ' : ''}${lacking}`,
    {
      subject: tensor,
      hint: guided
        ? `Give it another type with --tensor-type, or name an importance matrix that was made of this very model.`
        : 'Name one with --imatrix, or choose a --type that needs none, such as IQ3_S or Q3_K_S.',
    },
  )
}

export function noReplacement(tensor: string, type: GgmlType, columns: number): MiberaError {
  const blocks = `whole blocks of ${type} (${blockTypes[type].blockWeights})`
  return new MiberaError(
    'TYPE_UNSUPPORTED',
    `${tensor}: rows of ${columns} are not ${blocks}, and llama.cpp has no replacement for it`,
    { subject: tensor, hint: 'Choose another --type, e.g. TQ1_0 or Q2_K.' },
  )
}

export function unknownToMix(recipe: RecipeName, mix: string): MiberaError {
  return new MiberaError('TYPE_UNSUPPORTED', `llama.cpp ${mix} does not have the type ${recipe}`, {
    subject: recipe,
    hint: 'Choose another --type, or --mix latest.',
  })
}

export interface Misfit {
  readonly name: string
  readonly columns: number
  readonly wanted: GgmlType
  readonly type: GgmlType
}

/** All of them, so that one run tells what to answer with `--tensor-type`. */
export function fallbackUnwanted(misfits: readonly Misfit[], recipe: RecipeName): MiberaError {
  const list = misfits.map(
    ({ name, columns, wanted, type }) => `${name} (rows of ${columns}: ${wanted} would be ${type})`,
  )
  return new MiberaError(
    'TYPE_UNSUPPORTED',
    `${misfits.length} tensors do not fit the types that ${recipe} wants for them: ${list.join(', ')}`,
    {
      subject: misfits[0]?.name ?? recipe,
      hint: 'Leave out --no-fallback to take those instead, or choose with --tensor-type.',
    },
  )
}
