import { join } from 'node:path'
import { Tiktoken } from 'js-tiktoken/lite'
import cl100k from 'js-tiktoken/ranks/cl100k_base'
import { cl100kTokens } from '../../fixtures/cl100k-tokenizer.ts'
import type { ModelShape } from '../../fixtures/model-shapes.ts'
import { oracleLibraries } from '../../test/helpers/llama-cpp.ts'
import { type LoadedModel, loadModel } from '../../test/helpers/llama-runtime.ts'
import { check } from '../check.ts'
import type { Say } from '../say.ts'
import { type Demo, names } from '../workspace.ts'
import type { BuiltModel } from './build-model.ts'

const prompt = 'A GGUF that runs is worth more than'
const tokensToMake = 12

/** Loads the result in llama.cpp's own library and lets it go on with a text. @returns whether there is one here. */
export async function runInLlama({ folder, say }: Demo, { shape }: BuiltModel): Promise<boolean> {
  say.heading('Run it in llama.cpp (through its library, so there is no command line)')
  const libraries = oracleLibraries()
  if ('missing' in libraries) {
    say.remark(`Left out: ${libraries.missing}.`)
    return false
  }
  const model = await loadModel(join(folder, names.result))
  try {
    await showVocabulary(model, shape, say)
    await generate(model, say)
    return true
  } finally {
    model.free()
  }
}

async function showVocabulary(model: LoadedModel, shape: ModelShape, say: Say): Promise<void> {
  const bos = await model.specialId('bos')
  const eos = await model.specialId('eos')
  say.line(`loaded:    ${model.tokens} tokens, begin ${await named(model, bos)}, end ${await named(model, eos)}`)
  check(model.tokens === shape.vocabulary, `llama.cpp sees ${shape.vocabulary} tokens (it sees ${model.tokens})`)
  check(bos === 100257 && eos === 100265, 'begin and end are those of Phi-4, 100257 and 100265')
}

async function named(model: LoadedModel, id: number): Promise<string> {
  return `${id} ${(await model.token(id)).text}`
}

async function generate(model: LoadedModel, say: Say): Promise<void> {
  const tiktoken = new Tiktoken(cl100k)
  const ids = await model.tokenize(prompt)
  const expected = tiktoken.encode(prompt)
  check(`${ids}` === `${expected}`, `llama.cpp encodes the prompt as tiktoken does (${ids}, ${expected})`)
  const made = await model.generateGreedy(ids, tokensToMake)
  check(made.length === tokensToMake, `${tokensToMake} tokens are made (they are ${made.length})`)
  say.line(`prompt:    ${JSON.stringify(prompt)}`)
  say.line(`ids:       ${ids.join(' ')}, as from tiktoken`)
  say.line(`continues: ${fitted(JSON.stringify(tiktoken.decode(made.filter((id) => id < cl100kTokens))), 68)}`)
  say.remark('The weights are random, so the text is nonsense; every score was finite.')
}

/** The beginning of `text` that fits; characters beyond Latin may take two columns. */
function fitted(text: string, columns: number): string {
  let taken = 0
  let cut = ''
  for (const character of text) {
    taken += (character.codePointAt(0) ?? 0) < 0x300 ? 1 : 2
    if (taken >= columns) return `${cut}…`
    cut += character
  }
  return cut
}
