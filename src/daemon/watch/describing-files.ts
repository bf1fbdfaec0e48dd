/** The files beside the shards that a conversion reads, and that decide what the model is and how it runs. */
export const describingFiles: readonly string[] = [
  'config.json',
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'vocab.json',
  'merges.txt',
  'chat_template.jinja',
  'chat_template.json',
  'tokenizer.model',
  'spiece.model',
  'tekken.json',
  'vocab.txt',
]

/** Any one of these sets makes up a tokenizer. Kinds that cannot be converted count: their error says so. */
const tokenizers: readonly (readonly string[])[] = [
  ['tokenizer.json'],
  ['vocab.json', 'merges.txt'],
  ['tokenizer.model'],
  ['spiece.model'],
  ['tekken.json'],
  ['vocab.txt'],
]

/**
 * The name of a file that no model folder is without and that has not come yet. A conversion could do without
 * config.json; but as every download brings one, a folder without it is one whose download is under way.
 */
export function missingDescription(names: readonly string[]): string | undefined {
  if (!names.includes('config.json')) return 'config.json'
  const isThere = tokenizers.some((files) => files.every((file) => names.includes(file)))
  return isThere ? undefined : 'tokenizer.json'
}
