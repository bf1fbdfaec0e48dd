import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { MiberaError } from '../base/errors.ts'
import { blockTypes, type GgmlType } from '../formats/ggml/block-types.ts'
import { type TypeKernels, typeKernels } from './kernel-table.ts'

const kernelsPath = fileURLToPath(new URL('../kernels.wasm', import.meta.url))
const pageBytes = 65_536
/** What a v128 load likes best. */
const alignment = 16

/**
 * Reads and compiles dist/kernels.wasm. The module can be sent to worker threads, which need not compile it again.
 * @throws MiberaError INTERNAL when the file is missing or damaged.
 */
export function compileKernels(): WebAssembly.Module {
  try {
    return new WebAssembly.Module(readFileSync(kernelsPath))
  } catch (cause) {
    throw new MiberaError('INTERNAL', `the compiled kernels cannot be loaded from ${kernelsPath}`, {
      subject: kernelsPath,
      hint: 'Run "npm run build" in the checkout, or reinstall the package.',
      cause,
    })
  }
}

/** Length of {@link Kernels.checksum}. */
export const checksumBytes = 64

/** SHA-256 (hex) of dist/kernels.wasm: two machines with the same make the same blocks. */
export function kernelsDigest(): string {
  return createHash('sha256').update(readFileSync(kernelsPath)).digest('hex')
}

/** Whether {@link Kernels} can write `type`. */
export function canQuantize(type: GgmlType): boolean {
  return typeKernels[type] !== undefined
}

/** Whether the blocks of `type` can be chosen by how much each weight counts (an importance matrix). */
export function usesImportance(type: GgmlType): boolean {
  return typeKernels[type]?.usesImportance === true
}

/** Whether blocks of `type` can only be chosen so. */
export function needsImportance(type: GgmlType): boolean {
  return typeKernels[type]?.needsImportance === true
}

export interface SquaredError {
  /** Σ (original − restored)² */
  readonly error: number
  /** Σ original² */
  readonly energy: number
}

/**
 * One instance of the kernels with a memory of its own. All addresses are byte offsets into {@link memory}; weights
 * are counts. Floats must lie at multiples of 16. Source and target may not overlap. Not safe to share by threads.
 */
export class Kernels {
  readonly memory: WebAssembly.Memory
  readonly #exports: WebAssembly.Exports
  #top: number

  constructor(module: WebAssembly.Module) {
    this.#exports = new WebAssembly.Instance(module, {}).exports
    const { memory } = this.#exports
    if (!(memory instanceof WebAssembly.Memory)) throw missing('memory')
    this.memory = memory
    this.#call('_initialize')
    this.#top = this.#call('heapBase')
  }

  /**
   * Reserves `bytes` above the kernels' own data and gives their address, a multiple of 16. The memory may grow, which
   * detaches every view made before.
   * @throws RangeError beyond the 4 GiB that WebAssembly can address, or when the system has no memory left.
   */
  reserve(bytes: number): number {
    const address = Math.ceil(this.#top / alignment) * alignment
    const top = address + bytes
    const pages = Math.ceil(top / pageBytes) - this.memory.buffer.byteLength / pageBytes
    if (pages > 0) this.memory.grow(pages)
    this.#top = top
    return address
  }

  /**
   * `weights` f32 at `src` to blocks at `dst`, with the bytes that llama.cpp's quantizer gives.
   *
   * @param importance address of one f32 ≥ 0 per weight, which then are those of one row; 0: none. Types without
   *   {@link usesImportance} take no notice of it, as in llama.cpp
   * @throws RangeError when `weights` is not a whole number of blocks, or importances are missing that `type` needs.
   */
  quantize(type: GgmlType, src: number, dst: number, weights: number, importance = 0): void {
    if (importance === 0 && needsImportance(type)) throw new RangeError(`${type} needs importances`)
    this.#call(kernelsOf(type).quantize, src, dst, blockCount(type, weights), importance)
  }

  /**
   * Blocks at `src` to `weights` f32 at `dst`: the inverse of {@link quantize}. F32 is a plain copy: better to use it
   * in place.
   */
  dequantize(type: GgmlType, src: number, dst: number, weights: number): void {
    this.#call(kernelsOf(type).dequantize, src, dst, blockCount(type, weights))
  }

  /** How many of the f32 at `src` are NaN or infinite. */
  countNonFinite(src: number, weights: number): number {
    return this.#call('countNonFinite', src, weights)
  }

  /** How far `weights` f32 at `restored` are from those at `original`, summed in f64. */
  squaredError(original: number, restored: number, weights: number): SquaredError {
    const error = this.#call('squaredError', original, restored, weights)
    const { energy } = this.#exports
    if (!(energy instanceof WebAssembly.Global)) throw missing('energy')
    return { error, energy: energy.value }
  }

  /** Checksum of `bytes` at `src`, {@link checksumBytes} long: how it is made stands in kernels/fletcher.ts. */
  checksum(src: number, bytes: number): Uint8Array {
    const at = this.#call('fletcher', src, bytes)
    return new Uint8Array(this.memory.buffer.slice(at, at + checksumBytes))
  }

  #call(name: string, ...values: number[]): number {
    const kernel = this.#exports[name]
    if (typeof kernel !== 'function') throw missing(name)
    return kernel(...values)
  }
}

function missing(name: string): MiberaError {
  return new MiberaError('INTERNAL', `the compiled kernels do not export ${name}`, {
    hint: 'Run "npm run build": dist/kernels.wasm is from another version.',
  })
}

function kernelsOf(type: GgmlType): TypeKernels {
  const row = typeKernels[type]
  if (row === undefined) throw new MiberaError('INTERNAL', `there is no kernel for ${type}`, { subject: type })
  return row
}

function blockCount(type: GgmlType, weights: number): number {
  const { blockWeights } = blockTypes[type]
  if (weights % blockWeights !== 0) {
    throw new RangeError(`${weights} weights are not a whole number of ${type} blocks of ${blockWeights}`)
  }
  return weights / blockWeights
}
