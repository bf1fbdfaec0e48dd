import { writeSync } from 'node:fs'
import type { FileHandle } from 'node:fs/promises'

/** Writes all of `bytes` from byte `position` on; the system may take less of them at a time. */
export async function writeFully(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await file.write(bytes, done, bytes.length - done, position + done)).bytesWritten
  }
}

/** The same, by this thread: for what the system takes into its cache at once. */
export function writeFullyNow({ fd }: FileHandle, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(fd, bytes, done, bytes.length - done, position + done)
  }
}
