/** The part of pino-roll that is used here; it comes without types. */
declare module 'pino-roll' {
  export interface RollingFileOptions {
    /** Path of the files; ".1.log", ".2.log", … is appended. */
    readonly file: string | (() => string)
    readonly size?: string
    /** How many files are kept besides the one being written, and whether those of earlier processes count. */
    readonly limit?: { readonly count: number; readonly removeOtherLogFiles?: boolean }
    readonly mkdir?: boolean
    readonly sync?: boolean
  }

  export interface RollingFile {
    write(line: string): boolean
    end(): void
    on(event: 'error', listener: (error: Error) => void): void
  }

  const openRollingFile: (options: RollingFileOptions) => Promise<RollingFile>
  export default openRollingFile
}
