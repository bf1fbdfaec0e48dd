import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import type { OpenConversion } from '#dist/convert/engine.js'
import { ActiveConversions } from '#dist/daemon/coordinator/conversions/active-conversions.js'
import { CoordinatorListener } from '#dist/daemon/coordinator/listener/listener.js'
import { readTlsFiles } from '#dist/daemon/coordinator/listener/tls-files.js'
import { coordinatorApi, welcomeSchema } from '#dist/daemon/coordinator/protocol.js'
import { TokenFile } from '#dist/daemon/coordinator/trust/token-file.js'
import { WorkerRegistry } from '#dist/daemon/coordinator/trust/worker-registry.js'
import { planFormat } from '#dist/plan/fingerprint.js'
import { kernelsDigest } from '#dist/quant/kernels.js'
import { CoordinatorClient } from '#dist/worker/coordinator-client.js'
import { TokenReader } from '#dist/worker/token-reader.js'
import { makeCertificate } from '../scale-out/certificate.ts'

const version = 'bench'

/** How another process gets to the listener of {@link openEntrance}. */
export interface Entrance {
  readonly origin: string
  readonly tokenFile: string
  /** PEM; none without TLS. */
  readonly ca: string | undefined
}

export interface OpenEntrance {
  readonly entrance: Entrance
  stop(): Promise<void>
}

export interface EntranceWishes {
  readonly sharedResults?: boolean
  /** By a certificate that openssl makes. */
  readonly tls?: boolean
}

/** The daemon's own listener for the workers of one conversion, without the daemon. */
export async function openEntrance(
  conversion: OpenConversion,
  { sharedResults = false, tls = false }: EntranceWishes = {},
): Promise<OpenEntrance> {
  const folder = await mkdtemp(join(tmpdir(), 'mibera-entrance-'))
  const tokenFile = join(folder, 'token')
  await writeFile(tokenFile, randomBytes(32).toString('hex'), { mode: 0o600 })
  const certificate = tls ? makeCertificate(folder, ['127.0.0.1']) : undefined
  const log = pino({ level: 'silent' })
  const workers = new WorkerRegistry({ heartbeatMilliseconds: 60_000, log })
  const conversions = new ActiveConversions()
  const leave = await conversions.add(conversion, { sharedResults })
  const listener = new CoordinatorListener({
    listen: { host: '127.0.0.1', port: 0 },
    token: new TokenFile(tokenFile, log),
    welcome: { queue: 'none', prefix: 'none', lockMilliseconds: 30_000 },
    conversions,
    workers,
    version,
    log,
    ...(certificate === undefined ? {} : { tls: await readTlsFiles(certificate.certificate, certificate.key) }),
  })
  const { url } = await listener.start()
  const ca = certificate === undefined ? undefined : await readFile(certificate.certificate, 'utf8')
  return {
    entrance: { origin: url, tokenFile, ca },
    stop: async () => {
      await listener.stop()
      await leave()
      workers.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

export interface Entered {
  readonly client: CoordinatorClient
  /** The id that it was given. */
  readonly worker: string
}

/** Shakes hands as a worker of this program does. */
export async function enter({ origin, tokenFile, ca }: Entrance, threads: number): Promise<Entered> {
  let worker: string | undefined
  const client = new CoordinatorClient({
    address: { origin, ca },
    token: new TokenReader(tokenFile),
    worker: () => worker,
  })
  const program = { api: coordinatorApi, version, planFormat, kernels: kernelsDigest() }
  const document = { ...program, host: 'bench', pid: process.pid, threads }
  const welcome = await client.ask({ method: 'POST', path: '/v1/workers', document }, welcomeSchema)
  worker = welcome.worker
  return { client, worker }
}
