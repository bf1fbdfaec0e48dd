/**
 * Whether a text names a Redis as this program's settings do: redis:// or rediss://, user and password, host, port and
 * the number of a database. ioredis would take any of its options from a query: those have settings of their own.
 */
export function isRedisUrl(text: string): boolean {
  if (!URL.canParse(text)) return false
  const { protocol, hostname, pathname, search, hash } = new URL(text)
  const schemes = ['redis:', 'rediss:']
  return schemes.includes(protocol) && hostname !== '' && /^\/?\d{0,4}$/.test(pathname) && search === '' && hash === ''
}

/** The same address with its password left out, fit for logs and views. */
export function withoutPassword(url: string): string {
  if (!URL.canParse(url)) return '(not shown)'
  const parsed = new URL(url)
  if (parsed.password !== '') parsed.password = '***'
  return parsed.href
}
