import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import { MiberaError } from '../base/errors.ts'
import { quote } from '../base/quote.ts'
import { isLoopback } from '../daemon/coordinator/listener/listen-address.ts'
import type { CoordinatorAddress } from './http-link.ts'

/**
 * The coordinator's address as a person gives it.
 * @param caFile certificates (PEM) to trust instead of those of the system.
 * @throws MiberaError USAGE for what is no such address, for one that would send the token unencrypted to another
 * machine, and for a file that holds no certificate.
 */
export async function coordinatorAddress(text: string, caFile: string | undefined): Promise<CoordinatorAddress> {
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol) || `${url.origin}/` !== url.href) {
    throw new MiberaError('USAGE', `--coordinator ${quote(text)} is not of the form https://HOST:PORT`, {
      subject: '--coordinator',
      hint: 'Give the address that the daemon was started with by --listen, as this machine reaches it.',
    })
  }
  const secure = url.protocol === 'https:'
  if (!secure && !isLoopback({ host: url.hostname.replace(/^\[(.*)\]$/, '$1') })) {
    throw new MiberaError('USAGE', `--coordinator ${url.origin} would send the token unencrypted over the network`, {
      subject: '--coordinator',
      hint: 'Start the daemon with --tls-cert and --tls-key, and use https:// here.',
    })
  }
  if (!secure && caFile !== undefined) {
    throw new MiberaError('USAGE', `--ca is given, but --coordinator ${url.origin} is without TLS`, {
      subject: '--ca',
      hint: 'Use https:// in --coordinator, or leave --ca out.',
    })
  }
  return { origin: url.origin, ca: caFile === undefined ? undefined : await readCertificates(caFile) }
}

async function readCertificates(file: string): Promise<string> {
  try {
    const ca = await readFile(file, 'utf8')
    if (!ca.includes('-----BEGIN CERTIFICATE-----')) throw new Error('it holds no certificate')
    createSecureContext({ ca })
    return ca
  } catch (cause) {
    throw new MiberaError('USAGE', `--ca ${file} cannot be used: ${(cause as Error).message}`, {
      subject: '--ca',
      hint: "Give the file (PEM) that the daemon was started with by --tls-cert, or its authority's.",
      cause,
    })
  }
}
