import { connect, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

export interface RawSocket {
  readonly socket: Socket
  /** Resolves when all of the text has been handed to the system. */
  readonly sent: Promise<void>
  /** Resolves, with all that came, when the other side has closed the connection, or cut it. */
  readonly closed: Promise<string>
}

/** A connection on which exactly this text is sent, each character a byte. */
export function rawSocket(port: number, text: string): RawSocket {
  const socket = connect(port, '127.0.0.1')
  let received = ''
  socket.setEncoding('latin1')
  socket.on('data', (chunk: string) => {
    received += chunk
  })
  // A connection that is cut is an end like any other.
  socket.on('error', () => {})
  socket.on('end', () => socket.end())
  onTestFinished(() => void socket.destroy())
  return {
    socket,
    sent: new Promise((resolve) => socket.write(Buffer.from(text, 'latin1'), () => resolve())),
    closed: new Promise((resolve) => socket.once('close', () => resolve(received))),
  }
}

export function rawExchange(port: number, text: string): Promise<string> {
  return rawSocket(port, text).closed
}
