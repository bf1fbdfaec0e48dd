import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { QuantizeTarget } from '#dist/convert/protocol.js'
import { type RemotePlan, remotePlanSchema, takenSchema } from '#dist/daemon/coordinator/protocol.js'
import type { PlannedTensor } from '#dist/plan/plan.js'
import { sliceCount, sliceOf } from '#dist/plan/slices.js'
import { HttpSource } from '#dist/worker/http-source.js'
import { madeDocument, UploadSink } from '#dist/worker/upload-sink.js'
import { type Entered, enter } from '../../test/helpers/entrance.ts'
import type { Opened } from './process.ts'

/** What this process is given: how to get in, and a finished file of the same plan, from which all slices are taken. */
export interface ClientOrders extends Opened {
  readonly finished: string
  /** Bytes of sources to ask for; none: no phase for them. */
  readonly rangeBytes: number
  /** Transfers under way at a time. */
  readonly together: number
}

export type PhaseName = 'ranges' | 'uploads' | 'spool'

/** Told at both ends of each phase. */
export interface Phase {
  readonly phase: PhaseName
  readonly end: boolean
  readonly bytes: number
  readonly count: number
}

interface Slice {
  readonly id: { readonly tensor: number; readonly slice: number }
  readonly type: string
  readonly blocks: Uint8Array<ArrayBuffer>
}

/** A worker's slices that are checked whole: its first job, and the first of each type. */
const slicesOfTrial = 20
/** Of one request for source bytes: a slice of F32. */
const rangeLength = 4 * 2 ** 20

const made = { checksum: new Uint8Array(64), squaredError: 0, energy: 1, compared: 1, milliseconds: 1 }

const orders = JSON.parse(process.argv[2] ?? '') as ClientOrders
const entered = await enter(orders.entrance, orders.together)
const { client } = entered
const plan = await client.ask({ method: 'GET', path: `/v1/conversions/${orders.conversion}` }, remotePlanSchema)
const slices = readSlices(plan, new Uint8Array(await readFile(orders.finished)))

if (orders.rangeBytes > 0) await askForRanges(plan, orders.rangeBytes)
if (plan.spool === null) {
  const sink = new UploadSink(client, orders.conversion)
  const upload = ({ id, blocks }: Slice) => sink.put({ id } as QuantizeTarget, blocks, made)
  const rest = await withoutTrial(upload)
  await phase('uploads', rest, upload)
} else {
  const { folder } = plan.spool
  const write = (slice: Slice) => leaveInFolder(folder, slice)
  const announce = (slice: Slice) => announceSlice(entered, slice)
  const rest = await withoutTrial(async (slice) => {
    await write(slice)
    await announce(slice)
  })
  await together(rest, write)
  await phase('spool', rest, announce)
}
client.close()
process.disconnect?.()

function readSlices({ tensors }: RemotePlan, file: Uint8Array): Slice[] {
  return tensors.flatMap((remote, tensor) => {
    const planned = remote as unknown as PlannedTensor
    return Array.from({ length: sliceCount(planned) }, (_, slice) => {
      const { offset, byteLength } = sliceOf(planned, slice)
      const blocks = file.slice(offset, offset + byteLength)
      return { id: { tensor, slice }, type: remote.type, blocks }
    })
  })
}

/** Delivers slices until only one row of each is looked at. Returns the others of full length. */
async function withoutTrial(deliver: (slice: Slice) => Promise<void>): Promise<Slice[]> {
  const types = new Set<string>()
  const first = slices.filter(({ type }) => !types.has(type) && types.add(type))
  const small = slices.filter(({ blocks }) => blocks.length < 100_000)
  const rest = slices.filter((slice) => !first.includes(slice) && !small.includes(slice))
  const trial = rest.splice(0, slicesOfTrial)
  for (const slice of new Set([...first, ...small, ...trial])) await deliver(slice)
  return rest
}

async function phase(name: PhaseName, work: readonly Slice[], act: (slice: Slice) => Promise<void>): Promise<void> {
  const bytes = work.reduce((sum, { blocks }) => sum + blocks.length, 0)
  tell({ phase: name, end: false, bytes, count: work.length })
  await together(work, act)
  tell({ phase: name, end: true, bytes, count: work.length })
}

/** Reads tensors from their beginnings, one range after the other, again from the first if need be. */
async function askForRanges({ sources, tensors }: RemotePlan, bytes: number): Promise<void> {
  const ranges = tensors.flatMap(({ source, columns }) => {
    if (source.kind !== 'rows') return []
    const width = columns * (source.dtype === 'F32' ? 4 : 2)
    return source.ranges.flatMap((range) =>
      Array.from({ length: Math.floor((range.rows * width) / rangeLength) }, (_, index) => ({
        source: range.source,
        position: range.offset + index * rangeLength,
      })),
    )
  })
  const files = sources.map(
    (source, index) => new HttpSource(client, `/v1/conversions/${orders.conversion}/sources/${index}`, source),
  )
  const wanted = Array.from({ length: Math.ceil(bytes / rangeLength) }, (_, index) => ranges[index % ranges.length])
  const told = { phase: 'ranges', bytes: wanted.length * rangeLength, count: wanted.length } as const
  const buffers: Uint8Array[] = []
  tell({ ...told, end: false })
  await together(wanted, async (range) => {
    const buffer = buffers.pop() ?? new Uint8Array(rangeLength)
    if (range !== undefined) await files[range.source]?.read(buffer, range.position)
    buffers.push(buffer)
  })
  tell({ ...told, end: true })
}

/** As a worker leaves it: closed before it is announced. */
async function leaveInFolder(folder: string, { id, blocks }: Slice): Promise<void> {
  const file = await open(join(folder, `${id.tensor}-${id.slice}-${entered.worker}.blocks`), 'w')
  await file.writeFile(blocks)
  await file.close()
}

async function announceSlice({ client: asked }: Entered, { id, blocks }: Slice): Promise<void> {
  const path = `/v1/conversions/${orders.conversion}/slices/${id.tensor}/${id.slice}/spooled`
  await asked.ask({ method: 'POST', path, document: madeDocument(blocks, made) }, takenSchema)
}

async function together<Item>(items: readonly Item[], act: (item: Item) => Promise<void>): Promise<void> {
  const queue = [...items].reverse()
  const one = async () => {
    for (let item = queue.pop(); item !== undefined; item = queue.pop()) await act(item)
  }
  await Promise.all(Array.from({ length: orders.together }, one))
}

function tell(told: Phase): void {
  process.send?.(told)
}
