import { createHash } from 'node:crypto'
import type { OpenConversion, SliceRange, Taken } from '#dist/convert/engine.js'
import type { SliceId } from '#dist/convert/slice-id.js'
import type { Plan, PlannedTensor } from '#dist/plan/plan.js'
import { sliceOf } from '#dist/plan/slices.js'

/** Where the tensors of {@link smallPlan} lie in its one source: first byte and one past the last. */
export const wide = { first: 1000, end: 1000 + 3 * 2 ** 21 }
export const narrow = { first: wide.end + 500, end: wide.end + 500 + 1024 }
export const sourceSize = narrow.end + 300

/** Three slices of a megabyte, one of a kilobyte from F32, one of values that the plan holds itself. */
export function smallPlan(source: { readonly path: string; readonly modifiedMs?: number }): Plan {
  const common = { reason: 'test', fallback: undefined, file: 0 }
  const rows = { kind: 'rows', transform: { kind: 'none' } } as const
  const tensors: PlannedTensor[] = [
    {
      ...common,
      ...{ name: 'wide', shape: [3, 2 ** 20], rows: 3, columns: 2 ** 20 },
      ...{ type: 'Q8_0', offset: 64, byteLength: 3 * 2 ** 15 * 34 },
      source: { ...rows, names: ['w'], dtype: 'BF16', ranges: [{ source: 0, offset: wide.first, rows: 3 }] },
    },
    {
      ...common,
      ...{ name: 'narrow', shape: [256], rows: 1, columns: 256 },
      ...{ type: 'F32', offset: 64 + 3 * 2 ** 15 * 34, byteLength: 1024 },
      source: { ...rows, names: ['n'], dtype: 'F32', ranges: [{ source: 0, offset: narrow.first, rows: 1 }] },
    },
    {
      ...common,
      ...{ name: 'given', shape: [32], rows: 1, columns: 32 },
      ...{ type: 'F32', offset: 64 + 3 * 2 ** 15 * 34 + 1024, byteLength: 128 },
      source: { kind: 'values', values: Array.from({ length: 32 }, (_, index) => index) },
    },
  ]
  return {
    fingerprint: 'ab'.repeat(32),
    ...{ recipe: 'Q8_0', mix: 'latest' },
    files: [{ recipe: 'Q8_0', shard: undefined, header: new Uint8Array(64), size: 64 + 3 * 2 ** 15 * 34 + 1152 }],
    sources: [
      {
        name: 'model.safetensors',
        path: source.path,
        size: sourceSize,
        modifiedMs: source.modifiedMs ?? 0,
        headerSha256: 'cd'.repeat(32),
      },
    ],
    tensors,
  }
}

/** The right blocks of a slice: bytes that depend on whose they are. */
export function rightBlocks(plan: Plan, { tensor, slice }: SliceId): Buffer<ArrayBuffer> {
  const planned = plan.tensors[tensor]
  if (planned === undefined) throw new RangeError(`no tensor ${tensor}`)
  return Buffer.alloc(sliceOf(planned, slice).byteLength, `${tensor}/${slice} `)
}

/** What a worker says of blocks; the digest is theirs unless told otherwise. */
export function madeOf(blocks: Uint8Array, sha256 = createHash('sha256').update(blocks).digest('hex')): string {
  return JSON.stringify({ sha256, squaredError: 0.5, energy: 2, compared: 32, milliseconds: 1 })
}

/** A conversion without a disk that knows which blocks are right. */
export class KnowingConversion implements OpenConversion {
  readonly key: string
  readonly plan: Plan
  readonly part: string
  readonly taken: { readonly id: SliceId; readonly check: 'sample' | 'whole'; readonly taken: Taken }[] = []
  readonly keptHere: SliceId[] = []
  readonly retaken: SliceId[] = []
  /** Awaited in the middle of each taking. */
  meanwhile: () => Promise<void> = async () => {}
  /** Called to say that a slice that was kept here has been made. */
  readonly made: (() => void)[] = []
  readonly #done = new Set<string>()

  constructor(plan: Plan, { key = '7-0123456789abcdef', part = '/nowhere/out.gguf.part' } = {}) {
    this.key = key
    this.plan = plan
    this.part = part
  }

  wanted({ tensor, firstSlice, slices }: SliceRange): SliceId[] {
    return Array.from({ length: slices }, (_, index) => ({ tensor, slice: firstSlice + index })).filter(
      ({ slice }) => !this.#done.has(`${tensor}/${slice}`),
    )
  }

  async settled(): Promise<void> {}

  async take(id: SliceId, blocks: Uint8Array, _: unknown, check: 'sample' | 'whole'): Promise<Taken> {
    const taken = await this.#take(id, blocks)
    this.taken.push({ id, check, taken })
    return taken
  }

  retake(ids: readonly SliceId[]): number {
    this.retaken.push(...ids)
    for (const { tensor, slice } of ids) this.#done.delete(`${tensor}/${slice}`)
    return ids.length
  }

  makeHere(id: SliceId, made?: () => void): void {
    this.keptHere.push(id)
    this.#done.add(`${id.tensor}/${id.slice}`)
    if (made !== undefined) this.made.push(made)
  }

  async #take(id: SliceId, blocks: Uint8Array): Promise<Taken> {
    const name = `${id.tensor}/${id.slice}`
    if (this.#done.has(name)) return 'late'
    this.#done.add(name)
    await this.meanwhile()
    if (rightBlocks(this.plan, id).equals(blocks)) return 'accepted'
    this.#done.delete(name)
    return 'wrong'
  }
}
