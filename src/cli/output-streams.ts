import { exitStatus } from '../base/error-codes.ts'

/**
 * Readers may leave before the end, as in `mibera plan … | head -1`: what is still to be said is dropped, and the work
 * and its exit status stay what they are. Results that cannot be written, to a full disk say, are an error.
 */
export function watchOutputStreams(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return
    process.stderr.write(`mibera: cannot write to standard output: ${error.message}\n  (IO)\n`)
    process.exit(exitStatus.io)
  })
  // With standard error closed, or its terminal gone, there is nobody to tell; a conversion goes on all the same.
  process.stderr.on('error', () => {})
}
