import type { ConfigClaims } from './config-claims.ts'
import { statedText } from './config-claims.ts'
import type { Contradiction } from './description.ts'
import { type KnownConstants, type KnownModel, knownModels } from './known-models.ts'
import type { Overrides } from './overrides.ts'

/** A file that names the model it was made from. */
export interface ClaimedName {
  /** E.g. "config.json _name_or_path". */
  readonly where: string
  readonly id: string
}

/** What is seen of a model when it is compared with the known ones. */
export interface Sighting {
  /** Name of the family of its layout. */
  readonly family: string
  readonly layers: number
  readonly hidden: number
  readonly feedForward: number
  readonly vocabulary: number
  /** Widths of q and of k. */
  readonly query: number
  readonly keyValue: number
  readonly names: readonly ClaimedName[]
  readonly hasToken: (text: string) => boolean
}

export interface Recognition {
  /** The models it can be. They agree in shape, not always in constants. Empty if it is not recognised. */
  readonly candidates: readonly KnownModel[]
  /** Whether all of its sizes are those of the candidates, or it only is of their kind. */
  readonly exact: boolean
  /** How it was recognised, for a person. */
  readonly because: string
  /** Names that the evidence refutes. */
  readonly contradictions: readonly Contradiction[]
}

/**
 * Finds the known model that this one is. First by its shape (every size, and the vocabulary or the tokenizer: Phi-4
 * and Phi-3-medium differ in nothing else); failing that by the name it claims, if its tokenizer and the widths of its
 * heads bear it out. Names, and then the constants that are claimed, choose between models of the same shape.
 */
export function recognise(seen: Sighting, claims: ConfigClaims, overrides: Overrides): Recognition {
  const sameShape = knownModels.filter((model) => hasShape(seen, model) && hasTokens(seen, model))
  if (sameShape.length > 0) {
    const candidates = narrow(seen.names, claims, overrides, sameShape)
    const because = `every size is that of ${namesOf(candidates)}${tokensText(candidates)}`
    const contradictions = seen.names.flatMap((name) => refuted(name, sameShape, because))
    return { candidates, exact: true, because, contradictions }
  }
  return recogniseByName(seen, claims, overrides)
}

function recogniseByName(seen: Sighting, claims: ConfigClaims, overrides: Overrides): Recognition {
  const named = knownModels.filter((model) => seen.names.some((name) => isNamed(name, model)))
  const borneOut = named.filter((model) => isOfKind(seen, model))
  const candidates = narrow(seen.names, claims, overrides, borneOut)
  const sources = seen.names.filter((name) => borneOut.some((model) => isNamed(name, model)))
  const because = `${sources.map(({ where, id }) => `${where} says ${statedText(id)}`).join(', ')}${tokensText(candidates)}`
  const contradictions = seen.names.flatMap((name) => {
    const model = named.find((candidate) => isNamed(name, candidate))
    return model === undefined || borneOut.includes(model) ? [] : [unlike(seen, name, model)]
  })
  return { candidates, exact: false, because, contradictions }
}

/** A constant that all candidates agree on. */
export function agreed<K extends keyof KnownConstants>(
  { candidates: [first, ...others] }: Recognition,
  constant: K,
): { readonly value: KnownConstants[K] } | undefined {
  if (first === undefined) return undefined
  const value = first.constants[constant]
  const same = others.every((model) => JSON.stringify(model.constants[constant]) === JSON.stringify(value))
  return same ? { value } : undefined
}

/** "Phi-4", or "Phi-4 or Phi-4-reasoning". */
export function namesOf(models: readonly KnownModel[]): string {
  return models.map(({ name }) => name).join(' or ')
}

function hasShape(seen: Sighting, { families, shape, tokens }: KnownModel): boolean {
  return (
    families.includes(seen.family) &&
    shape.layers === seen.layers &&
    shape.hidden === seen.hidden &&
    shape.feedForward === seen.feedForward &&
    shape.heads * shape.headSize === seen.query &&
    shape.kvHeads * shape.headSize === seen.keyValue &&
    // A fine-tune may have added tokens; its tokenizer then has to vouch for it.
    (shape.vocabulary === seen.vocabulary || tokens.length > 0)
  )
}

/** Another size of the same kind: the layout, the tokenizer, and widths that its heads divide. */
function isOfKind(seen: Sighting, model: KnownModel): boolean {
  const { headSize, vocabulary } = model.shape
  return (
    model.families.includes(seen.family) &&
    seen.query % headSize === 0 &&
    seen.keyValue % headSize === 0 &&
    (model.tokens.length > 0 ? hasTokens(seen, model) : vocabulary === seen.vocabulary)
  )
}

function hasTokens({ hasToken }: Sighting, { tokens }: KnownModel): boolean {
  return tokens.every(hasToken)
}

/** Chooses by what is said, as far as it leaves anything to choose. */
function narrow(
  names: readonly ClaimedName[],
  claims: ConfigClaims,
  overrides: Overrides,
  models: readonly KnownModel[],
): readonly KnownModel[] {
  const keep = (kept: readonly KnownModel[], test: (model: KnownModel) => boolean) => {
    const passed = kept.filter(test)
    return passed.length > 0 ? passed : kept
  }
  const byName = keep(models, (model) => names.some((name) => isNamed(name, model)))
  const constants = (['ropeTheta', 'rmsEpsilon', 'contextLength'] as const).map((constant) => ({
    constant,
    value: overrides[constant] ?? claims[constant]?.number,
  }))
  return keep(byName, (model) =>
    constants.every(({ constant, value }) => value === undefined || value === model.constants[constant]),
  )
}

/** Repackaged models keep their name and add to it. */
function isNamed({ id }: ClaimedName, { hubNames }: KnownModel): boolean {
  const last = id.toLowerCase().replace(/\/+$/, '').split(/[/\\]/).at(-1) ?? ''
  return hubNames.includes(last.replace(/(-unsloth)?(-bnb-4bit)?$/, ''))
}

/** A name of a known model that is none of those recognised. */
function refuted(name: ClaimedName, recognised: readonly KnownModel[], because: string): readonly Contradiction[] {
  const known = knownModels.find((model) => isNamed(name, model))
  if (known === undefined || recognised.some((model) => isNamed(name, model))) return []
  return [{ where: name.where, claimed: statedText(name.id), actual: namesOf(recognised), because }]
}

function unlike(seen: Sighting, name: ClaimedName, model: KnownModel): Contradiction {
  const absent = model.tokens.filter((token) => !seen.hasToken(token))
  const { headSize } = model.shape
  const because =
    absent.length > 0
      ? `the tokenizer has no ${absent.join(', ')}`
      : `the layout (${seen.family}), the widths of q and k (${seen.query}, ${seen.keyValue}; its heads have ${headSize}) or the vocabulary (${seen.vocabulary}) are not its own`
  return { where: name.where, claimed: statedText(name.id), actual: `not ${model.name}`, because }
}

function tokensText(models: readonly KnownModel[]): string {
  const tokens = models[0]?.tokens ?? []
  return tokens.length === 0 ? '' : `, and the tokenizer has ${tokens.join(', ')}`
}
