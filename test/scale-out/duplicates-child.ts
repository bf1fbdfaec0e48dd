import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { z } from 'zod'
import { MiberaError } from '#dist/base/errors.js'
import { programVersion } from '#dist/cli/version.js'
import {
  coordinatorApi,
  type Handshake,
  madeHeader,
  takenSchema,
  wantedSchema,
  welcomeSchema,
} from '#dist/daemon/coordinator/protocol.js'
import { planFormat } from '#dist/plan/fingerprint.js'
import { kernelsDigest } from '#dist/quant/kernels.js'
import { coordinatorAddress } from '#dist/worker/coordinator-address.js'
import { CoordinatorClient } from '#dist/worker/coordinator-client.js'
import { TokenReader } from '#dist/worker/token-reader.js'

/**
 * Delivers right slices that nobody asked it for, each twice at the same time and once more after that: what a network
 * that repeats, or two workers with the same job, look like to a coordinator. Prints what became of each.
 */
const task = z
  .object({
    ...{ origin: z.string(), ca: z.string(), token: z.string(), key: z.string(), made: z.string() },
    slices: z.array(z.object({ tensor: z.number(), slice: z.number(), offset: z.number(), byteLength: z.number() })),
    most: z.number(),
  })
  .parse(JSON.parse(process.env.DUPLICATES ?? ''))

type Slice = (typeof task.slices)[number]

let worker: string | undefined
const client = new CoordinatorClient({
  address: await coordinatorAddress(task.origin, task.ca),
  token: new TokenReader(task.token),
  worker: () => worker,
})
const document: Handshake = {
  ...{ api: coordinatorApi, version: programVersion(), planFormat, kernels: kernelsDigest() },
  ...{ host: 'duplicates', pid: process.pid, threads: 1 },
}
worker = (await client.ask({ method: 'POST', path: '/v1/workers', document }, welcomeSchema)).worker

const outcomes: string[][] = []
const file = await open(task.made)
try {
  for (const slice of task.slices) {
    if (outcomes.length >= task.most) break
    if (await isWanted(slice)) outcomes.push(await deliverThrice(slice))
  }
} catch (error) {
  // It was over sooner than this.
  if (!(error instanceof MiberaError && error.code === 'CONVERSION_INACTIVE')) throw error
}
await file.close()
await client.send({ method: 'DELETE', path: `/v1/workers/${worker}` })
client.close()
process.stdout.write(JSON.stringify(outcomes))

async function isWanted({ tensor, slice }: Slice): Promise<boolean> {
  const path = `/v1/conversions/${task.key}/wanted/${tensor}/${slice}/1`
  return (await client.ask({ method: 'GET', path }, wantedSchema)).slices.length > 0
}

async function deliverThrice({ tensor, slice, offset, byteLength }: Slice): Promise<string[]> {
  const blocks = new Uint8Array(byteLength)
  await file.read(blocks, 0, byteLength, offset)
  const sha256 = createHash('sha256').update(blocks).digest('hex')
  const made = JSON.stringify({ sha256, squaredError: 0, energy: 0, compared: 0, milliseconds: 0 })
  const path = `/v1/conversions/${task.key}/slices/${tensor}/${slice}`
  const headers = { 'content-type': 'application/octet-stream', [madeHeader]: made }
  const deliver = async () => {
    const { text } = await client.send({ method: 'PUT', path, headers, body: blocks })
    return takenSchema.parse(JSON.parse(text)).taken
  }
  return [...(await Promise.all([deliver(), deliver()])), await deliver()]
}
