import type { GgufMetadata, GgufValue } from '../../formats/gguf/values.ts'
import { table } from './table.ts'

const width = 80
const gap = 2
const shortestValue = 20

/** Metadata keys with their types and values, long values cut so that a row fits into 80 columns. */
export function metadataTable(metadata: GgufMetadata): string {
  const names = [...metadata].map(([key, value]) => [`  ${key}`, typeName(value)] as const)
  const longest = (column: 0 | 1) => Math.max(...names.map((row) => row[column].length))
  const room = Math.max(shortestValue, width - longest(0) - longest(1) - 2 * gap)
  const values = [...metadata.values()]
  const rows = names.map((row, index) => [...row, shortValue(values[index], room)])
  return table(['  key', 'type', 'value'], rows, 'lll')
}

function typeName(value: GgufValue): string {
  return value.type === 'array' ? `${value.of}[${value.value.length}]` : value.type
}

function shortValue(value: GgufValue | undefined, room: number): string {
  if (value === undefined) return ''
  const text =
    value.type === 'array'
      ? value.value
          .slice(0, 8)
          .map((item) => String(item))
          .join(', ')
      : // All the digits that a single-precision number has.
        String(value.type === 'f32' ? Number(value.value.toPrecision(7)) : value.value)
  const line = text.replaceAll(/\s+/g, ' ')
  return line.length > room ? `${line.slice(0, room - 1)}…` : line
}
