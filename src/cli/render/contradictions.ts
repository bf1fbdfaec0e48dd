import type { ModelDescription } from '../../model/description.ts'
import { weightCount } from './weight-count.ts'
import { wrap } from './wrap.ts'

/** One short paragraph: what the model is, and which claims of its files were not believed. */
export function contradictionLines(model: ModelDescription): string {
  const { layers, hidden } = model.dimensions
  const name = model.knownAs ?? model.family ?? 'A GGUF without a name'
  const lines = [
    `${name} (${model.architecture}): ${layers} ${layers === 1 ? 'layer' : 'layers'} of ${hidden}, ${weightCount(model.parameters)} weights`,
  ]
  const count = model.contradictions.length
  if (count > 0) {
    const fields = model.contradictions.map(({ where }) => where.split(' ').at(-1)).join(', ')
    lines.push(`Not believed, as the tensors prove otherwise: ${fields}`)
    lines.push('("mibera inspect" on the folder shows the evidence.)')
  }
  return `${lines.flatMap((line) => wrap(line, 80)).join('\n')}\n`
}

/** What has no effect, or likely another than meant. */
export function noticeLines(notices: readonly string[]): string {
  return notices.map((notice) => `${wrap(`Note: ${notice}`, 80).join('\n')}\n`).join('')
}
