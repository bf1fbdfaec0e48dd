import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readTokenizer } from '#dist/model/tokenizer/read-tokenizer.js'
import { changeJson, smallTokenizerFolder } from '../../helpers/tokenizer-folder.ts'

async function folderWithoutTemplate(): Promise<string> {
  const folder = await smallTokenizerFolder()
  await changeJson(folder, 'tokenizer_config.json', ({ chat_template, ...rest }) => rest)
  return folder
}

const templates = async (folder: string) => (await readTokenizer(folder)).chatTemplates

test('a model may have no template', async () => {
  expect(await templates(await folderWithoutTemplate())).toEqual([])
})

test('reads chat_template.jinja, and the additional ones in the order of their names', async () => {
  const folder = await folderWithoutTemplate()
  await writeFile(join(folder, 'chat_template.jinja'), 'MAIN')
  expect(await templates(folder)).toEqual([{ name: 'default', template: 'MAIN' }])
  await mkdir(join(folder, 'additional_chat_templates'))
  await writeFile(join(folder, 'additional_chat_templates', 'tools.jinja'), 'T')
  await writeFile(join(folder, 'additional_chat_templates', 'rag.jinja'), 'R')
  await writeFile(join(folder, 'additional_chat_templates', 'notes.txt'), 'N')
  expect(await templates(folder)).toEqual([
    { name: 'default', template: 'MAIN' },
    { name: 'rag', template: 'R' },
    { name: 'tools', template: 'T' },
  ])
})

test('reads chat_template.json', async () => {
  const folder = await folderWithoutTemplate()
  await writeFile(join(folder, 'chat_template.json'), JSON.stringify({ chat_template: 'J' }))
  expect(await templates(folder)).toEqual([{ name: 'default', template: 'J' }])
})

test('prefers the template of tokenizer_config.json', async () => {
  const folder = await smallTokenizerFolder()
  await changeJson(folder, 'tokenizer_config.json', (config) => ({ ...config, chat_template: 'C' }))
  await writeFile(join(folder, 'chat_template.jinja'), 'MAIN')
  expect(await templates(folder)).toEqual([{ name: 'default', template: 'C' }])
})
