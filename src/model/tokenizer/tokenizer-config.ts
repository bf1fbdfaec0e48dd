import { join } from 'node:path'
import * as z from 'zod'
import { quote } from '../../base/quote.ts'
import { readChatTemplates } from './chat-template.ts'
import { type AddedToken, type ChatTemplate, type SpecialRole, specialRoles } from './tokenizer.ts'
import { malformed, readTokenizerJson } from './tokenizer-file.ts'
import { isTokenId } from './vocabulary.ts'

/** A token's text, alone or with how it is matched. */
const tokenText = z
  .union([z.string(), z.looseObject({ content: z.string() }).transform(({ content }) => content)])
  .nullish()

const namedTokens = z.looseObject(
  Object.fromEntries(specialRoles.map((role) => [`${role}_token`, tokenText])) as Record<
    `${SpecialRole}_token`,
    typeof tokenText
  >,
)

const tokenizerConfig = namedTokens.extend({
  added_tokens_decoder: z
    .record(z.string(), z.looseObject({ content: z.string().min(1), special: z.boolean().optional() }))
    .nullish(),
  add_prefix_space: z.boolean().nullish(),
  chat_template: z.unknown().optional(),
})

type TokenizerConfigJson = z.infer<typeof tokenizerConfig>

/** What stands beside the vocabulary: tokenizer_config.json, completed by special_tokens_map.json. */
export interface TokenizerConfig {
  /** tokenizer_config.json, which need not exist. */
  readonly path: string
  /** Neither file is there: then the tokenizer's own post-processor is all that is known of special tokens. */
  readonly missing: boolean
  /** Text of each special token that is named. */
  readonly names: ReadonlyMap<SpecialRole, string>
  /** `add_bos_token` and the like. */
  readonly addSpecial: ReadonlyMap<SpecialRole, boolean>
  readonly added: readonly AddedToken[]
  readonly addPrefixSpace: boolean | undefined
  readonly chatTemplates: readonly ChatTemplate[]
}

export async function readTokenizerConfig(folder: string): Promise<TokenizerConfig> {
  const path = join(folder, 'tokenizer_config.json')
  const config = await readTokenizerJson(folder, 'tokenizer_config.json', tokenizerConfig)
  const map = await readTokenizerJson(folder, 'special_tokens_map.json', namedTokens)
  const names = new Map<SpecialRole, string>()
  const addSpecial = new Map<SpecialRole, boolean>()
  for (const role of specialRoles) {
    const name = config?.[`${role}_token`] ?? map?.[`${role}_token`]
    if (name) names.set(role, name)
    const add = config?.[`add_${role}_token`]
    if (typeof add === 'boolean') addSpecial.set(role, add)
  }
  return {
    path,
    missing: config === undefined && map === undefined,
    names,
    addSpecial,
    added: addedTokens(path, config),
    addPrefixSpace: config?.add_prefix_space ?? undefined,
    chatTemplates: await readChatTemplates(folder, config?.chat_template),
  }
}

function addedTokens(path: string, config: TokenizerConfigJson | undefined): AddedToken[] {
  return Object.entries(config?.added_tokens_decoder ?? {}).map(([key, { content, special = false }]) => {
    const id = Number(key)
    if (!isTokenId(id)) throw malformed(path, `has an added token of id ${quote(key)}`)
    return { id, text: content, special }
  })
}
