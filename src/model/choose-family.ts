import { MiberaError } from '../base/errors.ts'
import { nearestName } from '../base/nearest-name.ts'
import { listFirst, quote } from '../base/quote.ts'
import type { Family } from './families/family.ts'
import { families } from './families/registry.ts'
import type { JsonObject } from './json-file.ts'
import type { LayerIndex } from './layer-index.ts'

const supported = families.map(({ name, title }) => `${title} (--family ${name})`).join('; ')

/**
 * The family whose layout the tensors have, or the one that was asked for.
 * @throws MiberaError USAGE for an unknown `--family`, MODEL_UNSUPPORTED if the tensors have none of the layouts.
 */
export function chooseFamily(index: LayerIndex, config: JsonObject, asked: string | undefined): Family {
  if (asked !== undefined) return familyNamed(asked)
  const family = families.find((candidate) => hasLayout(index, candidate))
  if (family !== undefined) return family
  throw unsupported(seen(index), config)
}

/**
 * That nothing says the model is of a family which shares this one's tensors but computes otherwise, as Gemma does
 * with Llama's. Not asked where the model was recognised, or the person has named the family.
 * @throws MiberaError MODEL_UNSUPPORTED for another architecture, HYPERPARAMETER_UNKNOWN if none is named.
 */
export function requireArchitecture(family: Family, config: JsonObject): void {
  const stated = statedArchitectures(config)
  const foreign = stated.filter((name) => !isGeneric(name) && !isOurs(name))
  if (foreign.length > 0) {
    throw unsupported(`config.json says ${foreign.map(quote).join(' and ')}, which is another one`, config, family)
  }
  if (!family.unmistakable && !stated.some(isOurs)) {
    throw new MiberaError(
      'HYPERPARAMETER_UNKNOWN',
      `The tensors have the layout of ${family.title}, but other families share it, and neither names nor sizes nor config.json say which it is`,
      { subject: 'family', hint: `If it is one of these, say --family ${family.name}.` },
    )
  }
  const activation = config.hidden_act ?? config.hidden_activation
  if (typeof activation === 'string' && activation !== 'silu' && activation !== 'swish') {
    throw unsupported(`config.json hidden_act is ${quote(activation)}; these families use silu`, config, family)
  }
}

/**
 * Has the family's tensors, and no others in every layer: biases throughout are the mark of another family (Qwen2),
 * while one tensor too many is a fault of this model, which `measure` names.
 */
function hasLayout({ layers }: LayerIndex, { recognisedBy, layout }: Family): boolean {
  const known = new Set(layout.layer.map(({ source }) => source))
  const systematic = [...(layers[0]?.keys() ?? [])].filter((source) => layers.every((layer) => layer.has(source)))
  const has = (source: string) => layers.some((layer) => layer.has(source))
  return recognisedBy.every(has) && (layers.length < 2 || systematic.every((source) => known.has(source)))
}

function familyNamed(asked: string): Family {
  const family = families.find(({ name }) => name === asked)
  if (family !== undefined) return family
  const names = families.map(({ name }) => name)
  const near = nearestName(asked, names)
  throw new MiberaError('USAGE', `There is no family ${quote(asked)}`, {
    subject: 'family',
    hint: `${near === undefined ? '' : `Did you mean ${near}? `}The families are ${names.join(', ')}.`,
  })
}

function statedArchitectures(config: JsonObject): readonly string[] {
  const architectures = Array.isArray(config.architectures) ? config.architectures : []
  return [...architectures, config.model_type].filter((name) => typeof name === 'string')
}

/** Names that say nothing of the family. */
function isGeneric(name: string): boolean {
  return name === '' || name.startsWith('AutoModel') || name === 'causal_lm'
}

function isOurs(name: string): boolean {
  return families.some(
    ({ hubArchitectures, hubModelTypes }) => hubArchitectures.includes(name) || hubModelTypes.includes(name),
  )
}

function seen(index: LayerIndex): string {
  const [layer] = index.layers
  if (layer === undefined) {
    const outer = [...index.outer.keys()].map(quote)
    return `no tensor is named model.layers.N.…; there are ${listFirst(outer, 8)}`
  }
  return `${index.layers.length} layers of ${listFirst([...layer.keys()].toSorted().map(quote), 16)}`
}

function unsupported(what: string, config: JsonObject, family?: Family): MiberaError {
  const stated = statedArchitectures(config)
  const claim = stated.length === 0 ? 'config.json names no architecture' : `config.json says ${stated.join(', ')}`
  const message =
    family === undefined
      ? `The model is of no supported family. Seen: ${what}; ${claim}. Supported: ${supported}`
      : `The tensors have the layout of ${family.name}, but ${what}. Supported: ${supported}`
  const hint =
    family === undefined
      ? 'Only families in this list can be converted yet.'
      : `If config.json is wrong about this, say --family ${family.name}.`
  return new MiberaError('MODEL_UNSUPPORTED', message, { subject: 'config.json', hint })
}
