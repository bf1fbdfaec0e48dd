import { MiberaError } from '../base/errors.ts'
import type { JsonObject } from './json-file.ts'
import { agreed, namesOf, type Recognition } from './recognise.ts'
import { type RopeScaling, ropeScaling } from './rope-scaling.ts'

/**
 * The rotary scaling of a model: of the one recognised, unless a config.json that is right in every size states it,
 * or the model has factors that only config.json can hold.
 * @throws MiberaError HYPERPARAMETER_UNKNOWN if those are missing.
 */
export function settleRopeScaling(recognition: Recognition, config: JsonObject, trusted: boolean): RopeScaling {
  const stated = ropeScaling(config)
  const known = agreed(recognition, 'ropeScaling')?.value
  if (known === undefined || (trusted && stated.kind !== 'none')) return stated
  if (known !== 'config') return trusted ? stated : known
  if (stated.kind === 'longrope') return stated
  throw new MiberaError(
    'HYPERPARAMETER_UNKNOWN',
    `${namesOf(recognition.candidates)} needs the factors of its rotary scaling, which only its config.json holds (rope_scaling)`,
    { subject: 'rope_scaling', hint: 'Copy the config.json of the model it was made from into the folder.' },
  )
}
