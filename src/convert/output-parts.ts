import { PartFile } from '../disk/part-file.ts'
import type { Plan } from '../plan/plan.ts'
import type { OutputPaths } from './output-paths.ts'

/** The files of an output while they are filled. Those that got their name in an earlier run are there no more. */
export class OutputParts {
  readonly #parts: readonly (PartFile | undefined)[]
  readonly #paths: readonly OutputPaths[]

  private constructor(parts: readonly (PartFile | undefined)[], paths: readonly OutputPaths[]) {
    this.#parts = parts
    this.#paths = paths
  }

  /** Creates all of them, in order. A crash in between leaves some out: that shows. */
  static async create({ files }: Pick<Plan, 'files'>, paths: readonly OutputPaths[]): Promise<OutputParts> {
    return OutputParts.#collect(paths, (path, index) => {
      const { size, header } = files[index] ?? noFile(index)
      return PartFile.create(path.part, size, header)
    })
  }

  /** @param named positions of the files that have got their name already. */
  static async open(paths: readonly OutputPaths[], named: ReadonlySet<number>): Promise<OutputParts> {
    return OutputParts.#collect(paths, async (path, index) => {
      return named.has(index) ? undefined : PartFile.openExisting(path.part)
    })
  }

  static async #collect(
    paths: readonly OutputPaths[],
    open: (path: OutputPaths, index: number) => Promise<PartFile | undefined>,
  ): Promise<OutputParts> {
    const parts: (PartFile | undefined)[] = []
    try {
      for (const [index, path] of paths.entries()) parts.push(await open(path, index))
    } catch (error) {
      await Promise.all(parts.map((part) => part?.close()))
      throw error
    }
    return new OutputParts(parts, paths)
  }

  /** Whether every file has its name: there is nothing left to fill. */
  get areNamed(): boolean {
    return this.#parts.every((part) => part === undefined)
  }

  isNamed(file: number): boolean {
    return this.#parts[file] === undefined
  }

  /** Where the bytes of each file are at present. */
  get places(): string[] {
    return this.#paths.map(({ output, part }, index) => (this.isNamed(index) ? output : part))
  }

  /** Writes at a byte position of a file; durable only after the next {@link sync}. */
  async write(file: number, bytes: Uint8Array, position: number): Promise<void> {
    await (this.#parts[file] ?? noFile(file)).write(bytes, position)
  }

  /** Returns when all that was written into these files before the call, by any thread, is durable. */
  async sync(files: ReadonlySet<number>): Promise<void> {
    await Promise.all([...files].map((file) => (this.#parts[file] ?? noFile(file)).sync()))
  }

  async close(): Promise<void> {
    await Promise.all(this.#parts.map((part) => part?.close()))
  }
}

function noFile(index: number): never {
  throw new RangeError(`the output has no unfinished file ${index}`)
}
