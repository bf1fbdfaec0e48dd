/** A token that is matched as a whole before the text is cut up, e.g. "<|im_end|>". */
export interface AddedToken {
  readonly id: number
  readonly text: string
  /** Whether it steers the model rather than being part of a text. */
  readonly special: boolean
}

/** The roles of special tokens that the GGUF vocabulary can name, in the order in which they are looked for. */
export const specialRoles = ['bos', 'eos', 'unk', 'sep', 'pad', 'cls', 'mask', 'eot', 'eom'] as const

export type SpecialRole = (typeof specialRoles)[number]

export interface ChatTemplate {
  /** "default" for the only one, or the one to use when nothing is said. */
  readonly name: string
  readonly template: string
}

/** What a model folder's tokenizer files say, checked: a byte-level BPE vocabulary in GPT-2's alphabet. */
export interface Tokenizer {
  readonly kind: 'byte-level-bpe'
  /** The file that the vocabulary was read from. */
  readonly path: string
  /** Id by text, added tokens included. Ids are unique; they may have gaps. */
  readonly vocabulary: ReadonlyMap<string, number>
  /** By id. */
  readonly added: ReadonlyMap<number, AddedToken>
  readonly highestId: number
  /** "left right" in order of rank, spaces inside a token written as "Ġ". */
  readonly merges: readonly string[]
  readonly specialIds: ReadonlyMap<SpecialRole, number>
  /** Whether a role's token is put around every text. */
  readonly addSpecial: ReadonlyMap<SpecialRole, boolean>
  readonly chatTemplates: readonly ChatTemplate[]
  readonly lowercase: boolean
  /** `add_prefix_space` of tokenizer_config.json, if it says. */
  readonly addPrefixSpace: boolean | undefined
  /** The ids of a text as the model was trained on it, special tokens around it included. */
  encode(text: string): readonly number[]
}

/** A vocabulary holds this token, e.g. `hasToken(tokenizer, '<|im_sep|>')`. */
export function hasToken(tokenizer: Tokenizer, text: string): boolean {
  return tokenizer.vocabulary.has(text)
}
