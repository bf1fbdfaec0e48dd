/**
 * The part of the WebAssembly JavaScript interface that is used here. TypeScript declares it only in its `dom` library,
 * whose thousand browser globals have no place in this program.
 * Source: https://webassembly.github.io/spec/js-api/
 */
declare namespace WebAssembly {
  /** Compiled code: immutable, and can be posted to worker threads. */
  class Module {
    private readonly compiled: never
    constructor(bytes: Uint8Array)
  }

  class Instance {
    readonly exports: Exports
    constructor(module: Module, imports?: Record<string, never>)
  }

  class Memory {
    /** Replaced, and the former one detached, whenever the memory grows. */
    readonly buffer: ArrayBuffer
    /** Grows by `pages` of 64 KiB and gives the former number of pages. Throws RangeError when it cannot. */
    grow(pages: number): number
  }

  class Global {
    value: number
  }

  type ExportedFunction = (...values: number[]) => number
  type Exports = Readonly<Record<string, ExportedFunction | Memory | Global>>
}
