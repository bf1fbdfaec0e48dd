import { createServer, connect as dial, type Server, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { JunctionCommand, JunctionReply } from './junction.ts'

/**
 * Passes TCP connections on, in a process of its own (so that it can stand in another network namespace), and
 * mistreats them as its parent says.
 */
const lines = new Map<string, Line>()

class Line {
  readonly #target: { readonly host: string; readonly port: number }
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #state: 'open' | 'cut' | 'silent' = 'open'
  #bytesPerSecond = Number.POSITIVE_INFINITY
  #delay = 0
  /** When the bytes passed on so far will have gone through a line of this rate. */
  #busyUntil = 0
  #spoken = withResolvers()

  constructor(target: { readonly host: string; readonly port: number }) {
    this.#target = target
    this.#server = createServer((near) => this.#join(near))
  }

  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, host, () => {
        const address = this.#server.address()
        resolve(typeof address === 'object' && address !== null ? address.port : port)
      })
    })
  }

  turn(state: 'open' | 'cut' | 'silent'): void {
    this.#state = state
    if (state === 'cut') for (const socket of this.#sockets) socket.destroy()
    if (state === 'open') this.#spoken.resolve()
    else this.#spoken = withResolvers()
  }

  shape(bytesPerSecond: number, milliseconds: number): void {
    this.#bytesPerSecond = bytesPerSecond
    this.#delay = milliseconds
    this.#busyUntil = 0
  }

  #join(near: Socket): void {
    if (this.#state === 'cut') {
      near.destroy()
      return
    }
    const far = dial(this.#target)
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(socket)
      socket.setNoDelay(true)
      socket.on('error', () => {})
      socket.on('close', () => {
        this.#sockets.delete(socket)
        other.destroy()
      })
    }
    void this.#pass(near, far)
    void this.#pass(far, near)
  }

  async #pass(from: Socket, to: Socket): Promise<void> {
    try {
      for await (const piece of from as AsyncIterable<Buffer>) {
        await this.#linger(piece.length)
        while (this.#state === 'silent') await this.#spoken.promise
        if (!to.write(piece)) await new Promise((resolve) => void to.once('drain', resolve).once('close', resolve))
      }
      to.end()
    } catch {
      to.destroy()
    }
  }

  async #linger(bytes: number): Promise<void> {
    if (this.#delay > 0) await delay(this.#delay)
    if (this.#bytesPerSecond === Number.POSITIVE_INFINITY) return
    const now = performance.now()
    this.#busyUntil = Math.max(now, this.#busyUntil) + (bytes / this.#bytesPerSecond) * 1000
    await delay(this.#busyUntil - now)
  }
}

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {}
  const promise = new Promise<void>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}

async function obey(command: JunctionCommand): Promise<number> {
  if (command.kind === 'listen') {
    const line = new Line(command.target)
    lines.set(command.line, line)
    return line.listen(command.host, command.port)
  }
  const line = lines.get(command.line)
  if (command.kind === 'turn') line?.turn(command.state)
  else line?.shape(command.bytesPerSecond ?? Number.POSITIVE_INFINITY, command.delay)
  return 0
}

process.on('message', async ({ id, command }: { id: number; command: JunctionCommand }) => {
  const reply: JunctionReply = await obey(command).then(
    (port) => ({ id, port }),
    (error: unknown) => ({ id, error: String(error) }),
  )
  process.send?.(reply)
})
process.on('disconnect', () => process.exit())
process.send?.({ id: 0, port: 0 } satisfies JunctionReply)
