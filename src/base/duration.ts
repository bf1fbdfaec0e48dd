/**
 * A length of time for a person: "4.2 s", "3 min 20 s", "1 h 02 min", "3 d 04 h". Rounded, never "60 s" or "60 min".
 * A length that is not known (NaN, infinite) is "?".
 */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '?'
  if (seconds < 0) return `-${formatDuration(-seconds)}`
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`
  if (seconds < 59.5) return `${Math.round(seconds)} s`
  if (seconds < 3599.5) return pair(Math.round(seconds), 60, 'min', 's')
  if (seconds < 86_370) return pair(Math.round(seconds / 60), 60, 'h', 'min')
  return pair(Math.round(seconds / 3600), 24, 'd', 'h')
}

/** `count` small units as "large small", the small part with two digits from hours on. */
function pair(count: number, perLarge: number, large: string, small: string): string {
  const rest = String(count % perLarge)
  return `${Math.floor(count / perLarge)} ${large} ${large === 'min' ? rest : rest.padStart(2, '0')} ${small}`
}
