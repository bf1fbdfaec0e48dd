import { formatBytes } from '../../base/byte-count.ts'
import type { GgufFile } from '../../formats/gguf/reader.ts'
import { splitPlace } from '../../formats/gguf/split.ts'
import { metadataTable } from './metadata-table.ts'
import { table } from './table.ts'
import { weightCount } from './weight-count.ts'
import { wrap } from './wrap.ts'

/** `mibera inspect` on a GGUF, for a person. With `verbose` every tensor. */
export function ggufText(gguf: GgufFile, verbose: boolean): string {
  const { weights, types } = totals(gguf)
  const lines = [
    `GGUF: ${gguf.tensors.length} tensors, ${weightCount(weights)} weights, ${formatBytes(gguf.size)}`,
    ...placeLines(gguf),
    ...wrap(
      `  ${types.map(({ type, tensors, bytes }) => `${tensors} × ${type} (${formatBytes(bytes)})`).join(', ')}`,
      80,
      '',
    ),
    '',
    metadataTable(gguf.metadata),
  ]
  if (verbose) {
    const rows = gguf.tensors.map(({ name, type, shape, offset }) => [
      `  ${name}`,
      type,
      shape.join(' × '),
      String(offset),
    ])
    lines.push('', table(['  tensor', 'type', 'shape', 'offset'], rows, 'lllr'))
  }
  return `${lines.join('\n')}\n`
}

/** Of a file that is not all of its model. */
function placeLines({ metadata }: GgufFile): string[] {
  const place = splitPlace(metadata)
  if (place === undefined) return []
  const whole = place.tensors === undefined ? '' : `, which has ${place.tensors} tensors`
  return [`  file ${place.number + 1} of the ${place.count} of its model${whole}`]
}

/** `mibera inspect --json` on a GGUF. Arrays of the metadata are given by length alone: a vocabulary is long. */
export function ggufDocument(gguf: GgufFile): object {
  const metadata = [...gguf.metadata].map(([key, value]) => [
    key,
    value.type === 'array'
      ? { type: `${value.of}[]`, length: value.value.length }
      : { type: value.type, value: typeof value.value === 'bigint' ? value.value.toString() : value.value },
  ])
  return {
    kind: 'gguf',
    bytes: gguf.size,
    metadata: Object.fromEntries(metadata),
    tensors: gguf.tensors,
  }
}

function totals({ tensors }: GgufFile) {
  const types = new Map<string, { type: string; tensors: number; bytes: number }>()
  let weights = 0
  for (const { type, shape, byteLength } of tensors) {
    const sum = types.get(type) ?? { type, tensors: 0, bytes: 0 }
    sum.tensors++
    sum.bytes += byteLength
    types.set(type, sum)
    weights += shape.reduce((product, size) => product * size, 1)
  }
  return { weights, types: [...types.values()] }
}
