import { join } from 'node:path'
import { type Logger, multistream, pino, type StreamEntry } from 'pino'
import openRollingFile from 'pino-roll'

/** The daemon's logger: pino, one JSON object in a line. */
export type Log = Logger

export const logFolder = (stateDirectory: string): string => join(stateDirectory, 'logs')

/** A log file's size before the next is begun, and how many older ones are kept: some 25 MB in all. */
const fileSize = '5m'
const olderFiles = 4

export interface OpenLog {
  readonly log: Log
  /** Writes what is left. Safe to call twice. */
  close(): void
}

/**
 * Opens the log of a state directory: daemon.1.log, daemon.2.log, … in its folder "logs". Each line is written before
 * the next thing happens, so that none is lost with a process that is killed.
 * @param echo is given each line too.
 */
export async function openLog(
  stateDirectory: string,
  level: pino.LevelWithSilent,
  echo?: (line: string) => void,
): Promise<OpenLog> {
  const file = await openRollingFile({
    file: uncheckedPath(join(logFolder(stateDirectory), 'daemon')),
    size: fileSize,
    limit: { count: olderFiles, removeOtherLogFiles: true },
    mkdir: true,
    sync: true,
  })
  // A full disk must not end the conversion that it makes wait.
  file.on('error', () => {})
  const streams: StreamEntry[] = [{ level: 'debug', stream: file }]
  if (echo !== undefined) streams.push({ level: 'debug', stream: { write: echo } })
  let open = true
  return {
    log: pino({ level, timestamp: pino.stdTimeFunctions.isoTime, base: { pid: process.pid } }, multistream(streams)),
    close() {
      if (open) file.end()
      open = false
    },
  }
}

/**
 * pino-roll refuses every path with a character that Windows does not allow in names, such as a colon or a quote, also
 * where it names an existing folder of another system. It checks the first answer of a function, and uses the others.
 */
function uncheckedPath(path: string): () => string {
  let asked = 0
  return () => (asked++ === 0 ? 'daemon' : path)
}
