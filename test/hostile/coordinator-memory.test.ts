import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import { connect } from 'node:net'
import { join as joinPath } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, onTestFinished, test } from 'vitest'
import { madeHeader, workerHeader } from '#dist/daemon/coordinator/protocol.js'
import { KnowingConversion, madeOf, smallPlan, wide } from '../helpers/coordinator-plan.ts'
import { childLine } from '../helpers/hand-out.ts'
import { isOldestNode } from '../helpers/node-release.ts'
import { askAt, goodHandshake, testToken } from '../helpers/open-listener.ts'
import { noProcessFigures, residentBytes } from '../helpers/process-figures.ts'
import { rawSocket } from '../helpers/raw-http.ts'
import { temporaryFolder } from '../helpers/temporary-folder.ts'

const mebibyte = 2 ** 20
const rounds = 5
/** Later releases of Node still grow in the second round, once. Either way three rounds or more are compared. */
const warmRound = isOldestNode ? 0 : 1
const { key } = new KnowingConversion(smallPlan({ path: '' }))

interface Target {
  readonly port: number
  /** Shakes hands, as a process of this number, and gives the id. */
  join(pid: number): Promise<string>
  /** Bytes that the process holds when it has thrown away what it can. */
  resident(): Promise<number>
}

async function listenerProcess(folder: string): Promise<Target> {
  const child: ChildProcess = spawn(process.execPath, childLine('./listener-child.ts', [folder, testToken]), {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  onTestFinished(async () => {
    child.stdin?.end()
    if (child.exitCode === null) await once(child, 'exit')
  })
  if (child.stdout === null) throw new Error('it has no output')
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const port = Number((await answers.next()).value)
  return {
    port,
    async join(pid) {
      const welcome = await askAt({ port }, 'POST', '/v1/workers', { body: { ...goodHandshake, pid } })
      return (JSON.parse(welcome.bytes.toString()) as { worker: string }).worker
    },
    async resident() {
      child.stdin?.write('collect\n')
      await answers.next()
      return residentBytes(child.pid ?? 0)
    },
  }
}

/** Sends `bytes` after a head, as far as they are taken, without holding them all. */
async function pour(port: number, head: string, bytes: number): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  const chunk = Buffer.alloc(64 * 1024, 'x')
  socket.resume()
  socket.write(head)
  for (let sent = 0; sent < bytes && !socket.destroyed; sent += chunk.length) {
    if (!socket.write(chunk)) await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), closed])
  }
  socket.destroy()
  await closed
}

const headOf = (method: string, path: string, lines: Readonly<Record<string, string | number>>) =>
  `${method} ${path} HTTP/1.1\r\nhost: x\r\n${Object.entries(lines)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')}\r\n`

/** Everything at the same time that could make a listener hold more than it should. */
async function attack({ port }: Target, [worker = '', rogue = '']: readonly string[]): Promise<void> {
  const known = { authorization: `Bearer ${testToken}`, [workerHeader]: worker }
  const wrong = { ...known, [workerHeader]: rogue }
  const octets = { 'content-type': 'application/octet-stream', [madeHeader]: madeOf(Buffer.alloc(0)) }
  const slice = `/v1/conversions/${key}/slices/0/0`
  const range = `bytes=${wide.first}-${wide.end - 1}`
  const stalled = [
    ...Array.from({ length: 150 }, () =>
      rawSocket(port, `${headOf('PUT', slice, { ...known, ...octets, 'content-length': 2 ** 15 * 34 })}xxx`),
    ),
    ...Array.from({ length: 150 }, () => {
      const taker = rawSocket(port, headOf('GET', `/v1/conversions/${key}/sources/0`, { ...known, range }))
      taker.socket.pause()
      return taker
    }),
    ...Array.from({ length: 100 }, () =>
      rawSocket(port, headOf('POST', '/v1/workers', { ...known, 'content-length': 9 })),
    ),
  ]
  const poured = [
    ...Array.from({ length: 10 }, () => pour(port, headOf('PUT', slice, { 'content-length': 2 ** 40 }), 64 * mebibyte)),
    ...Array.from({ length: 10 }, () =>
      pour(port, headOf('PUT', slice, { ...wrong, ...octets, 'content-length': 2 ** 40 }), 64 * mebibyte),
    ),
    ...Array.from({ length: 10 }, () =>
      pour(port, headOf('POST', '/v1/workers', { ...known, 'transfer-encoding': 'chunked' }), 64 * mebibyte),
    ),
    ...Array.from({ length: 50 }, () => pour(port, 'GET / HTTP/1.1\r\nx: ', 16 * mebibyte)),
  ]
  await Promise.all([...poured, ...guesses(port), ...wanderings(port, worker)])
  for (const { socket } of stalled) socket.destroy()
  await Promise.all(stalled.map(({ closed }) => closed))
}

/** Wrong tokens, from a thousand addresses of this machine. */
function guesses(port: number): Promise<unknown>[] {
  return Array.from({ length: 1000 }, (_, index) => {
    const at = { port, localAddress: `127.0.${1 + (index >> 8)}.${index & 255}` }
    return askAt(at, 'GET', `/v1/${index}`, { token: `guess-${index}` })
  })
}

/** Addresses that are none, with the right token. */
function wanderings(port: number, worker: string): Promise<unknown>[] {
  return Array.from({ length: 200 }, async (_, index) => {
    for (let more = 0; more < 5; more++) {
      await askAt({ port }, 'GET', `/v1/conversions/${index}-${more}/${'x'.repeat(1000)}`, { worker })
    }
  })
}

test.skipIf(noProcessFigures !== undefined)(
  'whatever is thrown at the listener, its memory stays as it was, and so do log and answers',
  async () => {
    const folder = await temporaryFolder()
    const target = await listenerProcess(folder)
    // Before the first wrong token: whoever comes later from the same address has to wait.
    const pids = Array.from({ length: 2 * rounds + 1 }, (_, index) => index)
    const workers = await Promise.all(pids.map((pid) => target.join(pid)))
    const figures: number[] = []
    for (let round = 0; round < rounds; round++) {
      await attack(target, workers.slice(2 * round, 2 * round + 2))
      figures.push(await target.resident())
    }
    const [warm = 0, last = 0] = [figures[warmRound], figures.at(-1)]
    console.log(`resident after each round: ${figures.map((bytes) => Math.round(bytes / mebibyte)).join(', ')} MiB`)
    // The first round makes the buffers that later ones use again, and the code warm.
    expect(last - warm).toBeLessThan(32 * mebibyte)
    expect(last).toBeLessThan(400 * mebibyte)
    expect(statSync(joinPath(folder, 'log')).size).toBeLessThan(4 * mebibyte)
    const worker = workers.at(-1) ?? ''
    const answer = await askAt(target, 'GET', `/v1/conversions/${key}`, { worker })
    expect(answer.status).toBe(200)
  },
)
