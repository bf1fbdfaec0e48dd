import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import { MiberaError } from '../../../base/errors.ts'

/** A certificate, with those between it and its root, and its key; both PEM. */
export interface TlsFiles {
  readonly cert: Buffer
  readonly key: Buffer
}

/**
 * Reads them, and makes sure that they belong together.
 * @throws MiberaError IO, USAGE
 */
export async function readTlsFiles(certPath: string, keyPath: string): Promise<TlsFiles> {
  const [cert, key] = await Promise.all([read(certPath, '--tls-cert'), read(keyPath, '--tls-key')])
  try {
    createSecureContext({ cert, key })
  } catch (cause) {
    throw new MiberaError('USAGE', `${certPath} and ${keyPath} cannot serve TLS: ${(cause as Error).message}`, {
      subject: '--tls-cert',
      hint: 'Both must be PEM, the key without a passphrase, and belong together.',
      cause,
    })
  }
  return { cert, key }
}

async function read(path: string, option: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (cause) {
    throw new MiberaError('IO', `${option} ${path} cannot be read: ${(cause as Error).message}`, {
      subject: option,
      hint: 'Check that the user who runs the daemon may read it.',
      cause,
    })
  }
}
