import { readFile } from 'node:fs/promises'
import { MiberaError, systemCode } from '../../../base/errors.ts'
import { quote } from '../../../base/quote.ts'
import { isRedisUrl } from './redis-url.ts'

const usualPort = 6379
/** Much longer than any password; a file that is not one is not read to its end into a connection. */
const longestPassword = 4096

export interface RedisSettings {
  /** `redis://` or `rediss://` (TLS), with user, password, port and database as needed. */
  readonly url: string
  /** PEM certificates that the server's is checked against, instead of the system's. */
  readonly caFile?: string | undefined
  /** Holds the password, so that it is in no command line. */
  readonly passwordFile?: string | undefined
}

/** Where a Redis is and how to get in. */
export interface RedisAddress {
  /** For people: without the password. */
  readonly shown: string
  readonly options: {
    readonly host: string
    readonly port: number
    readonly db: number
    readonly username?: string
    readonly password?: string
    readonly tls?: { readonly ca?: string }
  }
}

/** @throws MiberaError USAGE for what is no address of a Redis, TOKEN_UNUSABLE for a password file without a password. */
export async function redisAddress(settings: RedisSettings): Promise<RedisAddress> {
  const url = parse(settings.url)
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  const port = url.port === '' ? usualPort : Number(url.port)
  const db = Number(url.pathname.slice(1))
  const username = decode(url.username)
  const password = await passwordOf(url, settings)
  if (settings.caFile !== undefined && url.protocol !== 'rediss:') {
    throw new MiberaError('USAGE', 'a CA certificate is given for a Redis without TLS', {
      hint: 'Use rediss:// in the URL for TLS, or leave the certificate out.',
    })
  }
  const ca = settings.caFile === undefined ? undefined : await readText(settings.caFile, 'USAGE')
  return {
    shown: `${url.protocol}//${username === '' ? '' : `${username}@`}${url.hostname}:${port}/${db}`,
    options: {
      host,
      port,
      db,
      ...(username === '' ? {} : { username }),
      ...(username === '' && password === undefined ? {} : { password: password ?? '' }),
      ...(url.protocol === 'rediss:' ? { tls: ca === undefined ? {} : { ca } } : {}),
    },
  }
}

function parse(text: string): URL {
  if (isRedisUrl(text)) return new URL(text)
  // The text itself is not repeated: it may hold a password.
  throw new MiberaError('USAGE', 'the address of Redis is not of the form redis://[USER[:PASSWORD]@]HOST[:PORT][/DB]', {
    hint: 'Use rediss:// for TLS. Write special characters of a password as %XX, or put it into a file.',
  })
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new MiberaError('USAGE', 'the address of Redis has a % in user or password that does not begin a %XX')
  }
}

async function passwordOf(url: URL, { passwordFile }: RedisSettings): Promise<string | undefined> {
  const own = decode(url.password)
  if (passwordFile === undefined) return own === '' ? undefined : own
  if (own !== '') {
    throw new MiberaError('USAGE', 'a password for Redis is given both in its address and in a file', {
      hint: 'Leave it out of the address.',
    })
  }
  const password = (await readText(passwordFile, 'TOKEN_UNUSABLE')).replace(/\r?\n$/, '')
  if (password !== '' && password.length <= longestPassword) return password
  throw new MiberaError('TOKEN_UNUSABLE', `${quote(passwordFile)} holds no password`, { subject: passwordFile })
}

async function readText(path: string, code: 'USAGE' | 'TOKEN_UNUSABLE'): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw new MiberaError(code, `${quote(path)} cannot be read: ${systemCode(cause) ?? 'error'}`, {
      subject: path,
      hint: 'Check the path, and that you may read the file.',
      cause,
    })
  }
}
