const unitNames = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const

/**
 * A byte count for a person: exact below 1 KiB ("512 B"), then three significant digits in the largest binary unit
 * that leaves at least 1 ("6.86 GiB", "29.7 MiB", "512 MiB").
 */
export function formatBytes(bytes: number): string {
  if (bytes < 0) return `-${formatBytes(-bytes)}`
  if (bytes < 1024) return `${bytes} B`
  let value = bytes
  let unit = 0
  // 1023.5 would print as "1024": it belongs to the next unit.
  while (value >= 1023.5 && unit < unitNames.length - 1) {
    value /= 1024
    unit++
  }
  const digits = value < 9.995 ? 2 : value < 99.95 ? 1 : 0
  return `${value.toFixed(digits)} ${unitNames[unit]}`
}

/**
 * Bytes meant by "512M", "1.5G", "1GiB", "800 kb" or "4096". Units are binary however they are written, as in
 * `--max-memory`; case does not count and part of a byte is dropped. `undefined` for anything else, for 0 and beyond 2^53 − 1.
 */
export function parseByteCount(text: string): number | undefined {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(?:([kmgtp])(?:i?b)?|b)?\s*$/i.exec(text)
  if (match === null) return undefined
  const power = match[2] === undefined ? 0 : 'kmgtp'.indexOf(match[2].toLowerCase()) + 1
  const bytes = Math.floor(Number(match[1]) * 1024 ** power)
  return Number.isSafeInteger(bytes) && bytes > 0 ? bytes : undefined
}
