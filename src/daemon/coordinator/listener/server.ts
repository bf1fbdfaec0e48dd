import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { Socket } from 'node:net'
import { addressGroup } from './address-group.ts'
import type { TlsFiles } from './tls-files.ts'

/** Sockets in all, and of one address. */
const mostConnections = 8192
const mostOfOneAddress = 1024

const times = {
  /** Milliseconds for the head of a request, from the opening of the connection or the first byte on. */
  headersTimeout: 10_000,
  /** Milliseconds for a whole request: the slowest upload that is still taken. */
  requestTimeout: 300_000,
  connectionsCheckingInterval: 2000,
  keepAliveTimeout: 60_000,
} as const
/** A request without a host is for the gate to refuse, which writes it down. */
const head = { maxHeaderSize: 8 * 1024, insecureHTTPParser: false, requireHostHeader: false } as const
/** Milliseconds; TLS only. */
const handshakeTimeout = 10_000
/** Nothing has moved on a connection for so long (ms), whatever it was in the middle of. */
const idleTimeout = 300_000

/**
 * An HTTP server that gives nobody much before his request is there: few header bytes, little time, few connections.
 * @param dropped told of connections that did not get as far as a request.
 */
export function makeServer(
  handle: (request: IncomingMessage, response: ServerResponse) => void,
  tls: TlsFiles | undefined,
  dropped: (address: string | undefined, why: string) => void,
): Server {
  const server = tls === undefined ? createServer({ ...times, ...head }, handle) : makeSecure(handle, tls)
  server.maxConnections = mostConnections
  server.setTimeout(idleTimeout)
  // A body that waits to be invited is not invited before its request has been looked at.
  server.on('checkContinue', handle)
  server.on('checkExpectation', handle)
  server.on('connect', ({ socket }: IncomingMessage) => {
    dropped(socket.remoteAddress, 'it is no proxy')
    socket.destroy()
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    if (error.code !== 'ECONNRESET') dropped(socket.remoteAddress, `no lawful HTTP: ${error.code ?? error.message}`)
    answerUnlawful(error, socket)
  })
  server.on('tlsClientError', (error: Error, socket: Socket) =>
    dropped(socket.remoteAddress, `no TLS: ${error.message}`),
  )
  server.on('drop', (data?: { remoteAddress?: string }) => dropped(data?.remoteAddress, 'too many connections'))
  limitPerAddress(server, dropped)
  return server
}

function makeSecure(handle: (request: IncomingMessage, response: ServerResponse) => void, tls: TlsFiles): Server {
  const { cert, key } = tls
  const options = { ...times, ...head, cert, key, handshakeTimeout, minVersion: 'TLSv1.2' } as const
  // Speaks HTTP as the plain one does; Node's types know it only as a kind of TLS server.
  return createSecureServer(options, handle) as unknown as Server
}

function limitPerAddress(server: Server, dropped: (address: string | undefined, why: string) => void): void {
  const open = new Map<string, number>()
  server.on('connection', (socket: Socket) => {
    const address = addressGroup(socket.remoteAddress)
    const count = (open.get(address) ?? 0) + 1
    open.set(address, count)
    socket.once('close', () => {
      const left = (open.get(address) ?? 1) - 1
      if (left === 0) open.delete(address)
      else open.set(address, left)
    })
    if (count <= mostOfOneAddress) return
    dropped(socket.remoteAddress, `more than ${mostOfOneAddress} connections`)
    socket.destroy()
  })
}

/** What cannot be parsed is answered in HTTP's own words, and the connection ended. */
function answerUnlawful(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const status = statusOf(error.code)
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`)
}

function statusOf(code: string | undefined): number {
  if (code === 'HPE_HEADER_OVERFLOW') return 431
  return code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400
}
