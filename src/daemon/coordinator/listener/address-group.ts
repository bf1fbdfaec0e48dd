import { isIPv6 } from 'node:net'

/**
 * The part of an address that stands for one machine: of IPv6 its network of 64 bits, since whoever has one address of
 * it has them all.
 */
export function addressGroup(address: string | undefined): string {
  if (address === undefined) return 'nobody'
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '').replace(/%.*$/, '')
  if (!isIPv6(plain)) return plain
  const [head = '', tail] = plain.split('::')
  const groups = head.split(':').filter((group) => group !== '')
  const behind = (tail ?? '').split(':').filter((group) => group !== '')
  const zeros = tail === undefined ? 0 : 8 - groups.length - behind.length
  return `${[...groups, ...Array<string>(zeros).fill('0'), ...behind].slice(0, 4).join(':')}::/64`
}
