import * as z from 'zod'
import type { SpecialRole } from './tokenizer.ts'
import type { TokenizerConfig } from './tokenizer-config.ts'
import { type Component, components } from './tokenizer-json.ts'

/** The special tokens' texts and whether each is put around every text. */
export interface SpecialTokens {
  readonly names: ReadonlyMap<SpecialRole, string>
  readonly add: ReadonlyMap<SpecialRole, boolean>
}

// Made where a tokenizer has such a processor, as most have none: a schema takes longer to make than a file to check.
const robertaProcessing = () => z.looseObject({ cls: pairOfTextAndId(), sep: pairOfTextAndId() })

const templatePart = () =>
  z.looseObject({
    SpecialToken: z.looseObject({ id: z.string() }).optional(),
    Sequence: z.looseObject({ id: z.string() }).optional(),
  })

const templateProcessing = () =>
  z.looseObject({
    single: z.array(templatePart()).optional(),
    pair: z.array(templatePart()).optional(),
  })

type TemplatePart = z.infer<ReturnType<typeof templatePart>>

/**
 * Special tokens by the names in the configuration and by what the post-processor puts around a text, as
 * `SpecialVocab` of llama.cpp's gguf-py/gguf/vocab.py weighs them.
 */
export function specialTokens(config: TokenizerConfig, postProcessor: Component | null | undefined): SpecialTokens {
  const names = new Map(config.names)
  const add = new Map<SpecialRole, boolean>()
  supply(names, 'bos', names.get('cls'))
  supply(names, 'eos', names.get('sep'))
  for (const processor of components(postProcessor)) {
    if (processor.type === 'RobertaProcessing') weighRoberta(processor, names, add)
    if (processor.type === 'TemplateProcessing') weighTemplate(processor, config.missing, names, add)
  }
  for (const [role, value] of config.addSpecial) add.set(role, value)
  return { names, add }
}

function weighRoberta(processor: Component, names: Map<SpecialRole, string>, add: Map<SpecialRole, boolean>): void {
  for (const role of ['bos', 'eos', 'sep'] as const) add.set(role, true)
  const { data } = robertaProcessing().safeParse(processor)
  supply(names, 'cls', data?.cls?.[0] ?? names.get('bos'))
  supply(names, 'sep', data?.sep?.[0] ?? names.get('eos'))
}

/** `unnamed`: no configuration names special tokens, so the template's are taken for BOS and EOS. */
function weighTemplate(
  processor: Component,
  unnamed: boolean,
  names: Map<SpecialRole, string>,
  add: Map<SpecialRole, boolean>,
): void {
  const { single = [], pair = [] } = templateProcessing().safeParse(processor).data ?? {}
  const first = single.length > 1 ? single[0]?.SpecialToken?.id : undefined
  const last = single.length > 1 ? single.at(-1)?.SpecialToken?.id : undefined
  if (first !== undefined) {
    if (unnamed) names.set('bos', first)
    add.set('bos', first === names.get('bos') || first === names.get('cls'))
  }
  if (last !== undefined) {
    if (!unnamed) keepFormerEos(names, last)
    names.set('eos', last)
    add.set('eos', true)
  }
  weighPair(pair, first, last, names, add)
}

/** The token that really ends a text is EOS; the one named so becomes the end of a turn or of a message. */
function keepFormerEos(names: Map<SpecialRole, string>, last: string): void {
  const former = names.get('eos')
  if (former === undefined || former === last) return
  if (!names.has('eot')) names.set('eot', former)
  else if (!names.has('eom')) names.set('eom', former)
}

/** `A separator [EOS] B`: whether a separator stands between two texts. */
function weighPair(
  pair: readonly TemplatePart[],
  first: string | undefined,
  last: string | undefined,
  names: Map<SpecialRole, string>,
  add: Map<SpecialRole, boolean>,
): void {
  const start = first !== undefined && pair[0]?.SpecialToken?.id === first ? 1 : 0
  const end = last !== undefined && pair.at(-1)?.SpecialToken?.id === last ? pair.length - 1 : pair.length
  const inner = pair.slice(start, end)
  const between = inner.slice(1, -1)
  if (inner[0]?.Sequence?.id !== 'A' || inner.at(-1)?.Sequence?.id !== 'B' || between.length === 0) return
  const separates = (part: TemplatePart | undefined) => {
    const text = part?.SpecialToken?.id
    return text !== undefined && (text === names.get('sep') || text === names.get('eos'))
  }
  const addSep = (separates(between[0]) && last === undefined) || (between.length === 2 && separates(between[1]))
  add.set('sep', addSep)
  if (addSep) supply(names, 'sep', names.get('eos'))
}

function supply(names: Map<SpecialRole, string>, role: SpecialRole, text: string | undefined): void {
  if (text !== undefined && !names.has(role)) names.set(role, text)
}

function pairOfTextAndId() {
  return z.tuple([z.string(), z.number()]).optional().catch(undefined)
}
