import { readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import * as z from 'zod'
import { MiberaError, systemCode } from '../../base/errors.ts'
import type { ChatTemplate } from './tokenizer.ts'
import { malformed, readTokenizerJson, readTokenizerText } from './tokenizer-file.ts'
import { checkText } from './vocabulary.ts'

/** Nearly all have one, a plain text: no schema is made for it. */
const several = () => z.array(z.looseObject({ name: z.string(), template: z.string() }))

const additionalFolder = 'additional_chat_templates'

/**
 * The model's chat templates: those of tokenizer_config.json if it has any, else chat_template.jinja with the folder
 * additional_chat_templates, else chat_template.json.
 * @param declared `chat_template` of tokenizer_config.json
 */
export async function readChatTemplates(folder: string, declared: unknown): Promise<readonly ChatTemplate[]> {
  if (declared != null) return named(folder, 'tokenizer_config.json', declared)
  const jinja = await readTokenizerText(folder, 'chat_template.jinja')
  if (jinja !== undefined) return [...named(folder, 'chat_template.jinja', jinja), ...(await readAdditional(folder))]
  const json = await readTokenizerJson(
    folder,
    'chat_template.json',
    z.looseObject({ chat_template: z.unknown().optional() }),
  )
  return json?.chat_template == null ? [] : named(folder, 'chat_template.json', json.chat_template)
}

function named(folder: string, file: string, value: unknown): ChatTemplate[] {
  const path = join(folder, file)
  const templates = typeof value === 'string' ? [{ name: 'default', template: value }] : several().safeParse(value).data
  if (templates === undefined) throw malformed(path, 'has a chat template that is neither a text nor a list of them')
  for (const { template } of templates) checkText(path, template)
  return templates
}

async function readAdditional(folder: string): Promise<ChatTemplate[]> {
  const path = join(folder, additionalFolder)
  const templates: ChatTemplate[] = []
  for (const file of (await listFolder(path)).filter((name) => name.endsWith('.jinja')).sort()) {
    const template = await readTokenizerText(path, file)
    if (template !== undefined) templates.push({ name: basename(file, '.jinja'), template })
  }
  return templates
}

async function listFolder(path: string): Promise<string[]> {
  try {
    return await readdir(path)
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return []
    throw new MiberaError('IO', `${path} cannot be listed`, { subject: path, cause: error })
  }
}
