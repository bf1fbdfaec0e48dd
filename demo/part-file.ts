import { open } from 'node:fs/promises'
import { systemCode } from '#dist/base/errors.js'

/** Whether the file has data around `fraction` of its length: what is reserved but not written reads as zeros. */
export async function isWritten(path: string, fraction: number): Promise<boolean> {
  const file = await open(path, 'r').catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  })
  if (file === undefined) return false
  try {
    const { size } = await file.stat()
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4096), 0, 4096, Math.floor(size * fraction))
    return buffer.subarray(0, bytesRead).some((byte) => byte !== 0)
  } finally {
    await file.close()
  }
}
