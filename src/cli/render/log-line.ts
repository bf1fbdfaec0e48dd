/** What each of pino's levels is called. Source: pino's documentation of `logger.levels`. */
const levels: Readonly<Record<number, string>> = { 20: 'debug', 30: 'info', 40: 'warn', 50: 'error', 60: 'fatal' }

/** One line of the daemon's log for a person: "22:41:03 info  job 3 is done". What is not such a line stays as it is. */
export function logLine(line: string): string {
  const entry = parse(line)
  if (entry === undefined) return line.endsWith('\n') ? line : `${line}\n`
  const time = entry.time.replace('T', ' ').replace(/\.\d+Z$/, 'Z')
  const level = (levels[entry.level] ?? String(entry.level)).padEnd(5)
  const cause =
    entry.err?.message === undefined || entry.msg.includes(entry.err.message) ? '' : ` (${entry.err.message})`
  return `${time} ${level} ${entry.msg}${cause}\n`
}

/** Whether a line of the log is a warning, or worse. */
export function isTrouble(line: string): boolean {
  return (parse(line)?.level ?? 0) >= 40
}

interface LogEntry {
  readonly time: string
  readonly level: number
  readonly msg: string
  readonly err?: { readonly message?: string }
}

function parse(line: string): LogEntry | undefined {
  try {
    const entry = JSON.parse(line) as Partial<LogEntry>
    const { time, level, msg } = entry
    if (typeof time !== 'string' || typeof level !== 'number' || typeof msg !== 'string') return undefined
    return { ...entry, time, level, msg }
  } catch {
    return undefined
  }
}
