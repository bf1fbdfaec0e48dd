import { type GgmlType, rowBytes } from '../formats/ggml/block-types.ts'
import type { Kernels } from '../quant/kernels.ts'
import { isCopied, needsWidening } from './copied-tensors.ts'
import { addRowError, isCompared, nothingCompared } from './measure-error.ts'
import type { MeasuredError, RowImportance, SliceInput } from './protocol.ts'
import { quantizeRows } from './quantize-rows.ts'
import type { BringRows } from './row-reader.ts'

/**
 * Weights that are taken through all steps together: 256 KiB as F32, which lie in a level-2 cache from the first to the
 * last step then. The kernels themselves work on a few superblocks at a time and do not care; a quarter of this costs 3 %
 * of a conversion, in calls.
 */
const bandWeights = 65_536

/** Rows, at least one, that are taken through all steps together. */
export function rowsPerBand(columns: number): number {
  return Math.max(1, Math.floor(bandWeights / columns))
}

/** Rows in the memory of the kernels. */
export type RowsInMemory = SliceInput & {
  readonly columns: number
  /** Address of the rows as they were read. */
  readonly source: number
  /** Where they are not there yet: reads the rows of one band there, then those of the next. */
  readonly bring?: BringRows | undefined
}

export interface BlockTarget {
  readonly type: GgmlType
  readonly importance: RowImportance | undefined
  /** Address for the blocks, where they are not the rows as they were read. */
  readonly blocks: number
}

export interface MadeBlocks {
  /** Address of the blocks. */
  readonly at: number
  readonly error: MeasuredError
  /** Its share of the time, where the same blocks serve several targets. */
  readonly milliseconds: number
}

/** Work areas; addresses in the memory of the kernels. */
export interface WorkAreas {
  /** A band of rows as F32, where the source is narrower. */
  readonly widened: number
  /** One row restored from its blocks. */
  readonly restored: number
  /** How much the columns of one row count. */
  readonly importance: number
}

/** Makes blocks of rows: widens them, looks for NaN and infinity, quantizes, and compares some rows with the result. */
export class BlockMaker {
  readonly #kernels: Kernels
  readonly #areas: WorkAreas

  constructor(kernels: Kernels, areas: WorkAreas) {
    this.#kernels = kernels
    this.#areas = areas
  }

  /**
   * Makes all targets of the same rows, which are widened and looked through once. Targets of the same type get the same
   * blocks, made once. Rows of a target's own type are its blocks: they stay where they are, and are looked at only if they
   * are floats.
   * @returns what was made, target by target; `undefined` when some weights are NaN or infinite.
   */
  make(rows: RowsInMemory, targets: readonly BlockTarget[]): MadeBlocks[] | undefined {
    const ofTargets: Making[] = []
    for (const target of targets) {
      const known = ofTargets.find((making) => making.alsoServes(target))
      ofTargets.push(known ?? new Making(this.#kernels, rows, target))
    }
    const makings = [...new Set(ofTargets)]
    if (makings.some(({ needsFloats }) => needsFloats) && !this.#makeAll(rows, makings)) return undefined
    return ofTargets.map((making) => {
      const shares = ofTargets.filter((other) => other === making).length
      return { at: making.at, error: making.error, milliseconds: making.milliseconds / shares }
    })
  }

  /** For every row, how many weights are NaN or infinite. */
  *nonFinite(rows: RowsInMemory): Generator<number> {
    for (let row = 0; row < rows.rows; row++) {
      yield this.#kernels.countNonFinite(this.#floats(rows, row, 1), rows.columns)
    }
  }

  /**
   * Whether all weights were finite. They are looked through last, when the kernels have brought them into a cache: first
   * it would be a wait for memory. NaN does kernels no harm, and what they made of it is used by nobody.
   */
  #makeAll(rows: RowsInMemory, makings: readonly Making[]): boolean {
    const atATime = rowsPerBand(rows.columns)
    for (let first = 0; first < rows.rows; first += atATime) {
      const count = Math.min(atATime, rows.rows - first)
      rows.bring?.(first, count)
      let since = performance.now()
      const floats = this.#floats(rows, rows.bring === undefined ? first : 0, count)
      for (const making of makings) {
        making.makeBand({ first, count, floats }, this.#areas)
        const now = performance.now()
        making.milliseconds += now - since
        since = now
      }
      if (this.#kernels.countNonFinite(floats, count * rows.columns) > 0) return false
    }
    return true
  }

  /** Address of some of the rows that are there, as F32. */
  #floats({ input, columns, source }: RowsInMemory, first: number, count: number): number {
    const dtype = input.kind === 'values' ? 'F32' : input.dtype
    const address = source + first * rowBytes(dtype, columns)
    if (dtype === 'F32') return address
    this.#kernels.dequantize(dtype, address, this.#areas.widened, count * columns)
    return this.#areas.widened
  }
}

/** Blocks on their way, for one target or several. */
class Making {
  readonly at: number
  readonly needsFloats: boolean
  error = nothingCompared
  milliseconds = 0
  readonly #kernels: Kernels
  readonly #type: GgmlType
  readonly #importance: RowImportance | undefined
  readonly #columns: number
  readonly #isCopied: boolean

  constructor(kernels: Kernels, { source, columns, input }: RowsInMemory, { type, importance, blocks }: BlockTarget) {
    this.#kernels = kernels
    this.#type = type
    this.#importance = importance
    this.#columns = columns
    this.#isCopied = isCopied({ type, input })
    this.needsFloats = !this.#isCopied || type === 'F32' || needsWidening(type, type)
    this.at = this.#isCopied ? source : blocks
  }

  /** Whether another target of the same rows gets the same blocks. */
  alsoServes({ type, importance }: BlockTarget): boolean {
    return type === this.#type && importance?.values === this.#importance?.values
  }

  makeBand(band: { readonly first: number; readonly count: number; readonly floats: number }, areas: WorkAreas): void {
    if (!this.needsFloats) return
    const { first, count, floats } = band
    const bytes = rowBytes(this.#type, this.#columns)
    const blocks = this.at + first * bytes
    if (!this.#isCopied) {
      const rows = { type: this.#type, columns: this.#columns, first, count, importance: this.#importance }
      quantizeRows(this.#kernels, rows, { weights: floats, blocks, importance: areas.importance })
    }
    for (let row = 0; row < count; row++) {
      if (!isCompared(first + row)) continue
      const at = {
        weights: floats + row * this.#columns * Float32Array.BYTES_PER_ELEMENT,
        blocks: blocks + row * bytes,
      }
      this.error = addRowError(this.error, this.#kernels, this.#type, this.#columns, {
        ...at,
        restored: areas.restored,
      })
    }
  }
}
