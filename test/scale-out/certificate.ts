import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

export interface Certificate {
  readonly key: string
  /** Signed by itself: what a worker is told to trust. */
  readonly certificate: string
}

/** Has openssl make a certificate for IP addresses, valid for a day. */
export function makeCertificate(folder: string, addresses: readonly string[]): Certificate {
  const [key, certificate] = [join(folder, 'tls-key.pem'), join(folder, 'tls-cert.pem')]
  const names = addresses.map((address) => `IP:${address}`).join(',')
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1']
  const extensions = ['-subj', '/CN=mibera trial', '-addext', `subjectAltName=${names}`]
  execFileSync('openssl', ['req', '-x509', ...kind, ...extensions, '-keyout', key, '-out', certificate], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  return { key, certificate }
}
