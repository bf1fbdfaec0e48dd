import type { ModelDescription } from '../../model/description.ts'

/** One short paragraph: what the model is, and which claims of its files were not believed. */
export function contradictionLines(model: ModelDescription): string {
  const { layers, hidden } = model.hyperparameters
  const name = model.knownAs ?? model.family
  const lines = [
    `${name} (${model.architecture}): ${layers.value} layers of ${hidden.value}, ${weightCount(model.parameters)} weights`,
  ]
  const count = model.contradictions.length
  if (count > 0) {
    const fields = model.contradictions.map(({ where }) => where.split(' ').at(-1)).join(', ')
    lines.push(`Not believed, as the tensors prove otherwise: ${fields}`)
    lines.push('("mibera inspect" on the folder shows the evidence.)')
  }
  return `${lines.flatMap((line) => wrap(line, 80)).join('\n')}\n`
}

/** "14.66 G", "851 M". */
export function weightCount(weights: number): string {
  for (const [unit, size] of [
    ['G', 1e9],
    ['M', 1e6],
    ['k', 1e3],
  ] as const) {
    if (weights >= size) return `${Number((weights / size).toPrecision(4))} ${unit}`
  }
  return String(weights)
}

/** Breaks a line at spaces so that none is longer than `width` where that is possible; following lines are indented. */
export function wrap(line: string, width: number): string[] {
  const lines: string[] = []
  let current = ''
  for (const word of line.split(' ')) {
    if (current !== '' && current.length + 1 + word.length > width) {
      lines.push(current)
      current = `  ${word}`
    } else current = current === '' ? word : `${current} ${word}`
  }
  return [...lines, current]
}
