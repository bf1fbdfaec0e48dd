import type { GgufMetadata, GgufValue } from '../../formats/gguf/values.ts'
import { table } from './table.ts'

const longestValue = 60

/** Metadata keys with their types and values, long values cut. */
export function metadataTable(metadata: GgufMetadata): string {
  const rows = [...metadata].map(([key, value]) => [`  ${key}`, typeName(value), shortValue(value)])
  return table(['  key', 'type', 'value'], rows, 'lll')
}

function typeName(value: GgufValue): string {
  return value.type === 'array' ? `${value.of}[${value.value.length}]` : value.type
}

function shortValue(value: GgufValue): string {
  const text =
    value.type === 'array'
      ? value.value
          .slice(0, 8)
          .map((item) => String(item))
          .join(', ')
      : String(value.value)
  const line = text.replaceAll(/\s+/g, ' ')
  return line.length > longestValue ? `${line.slice(0, longestValue - 1)}…` : line
}
