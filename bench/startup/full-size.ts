import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { writeCl100kTokenizer } from '../../fixtures/cl100k-tokenizer.ts'
import { writeModelFolder } from '../../fixtures/model-folder.ts'
import { phi4Shape } from '../../fixtures/model-shapes.ts'
import { program } from '../conversion/program.ts'
import { median } from '../median.ts'

/** A folder for one bench, with a model like the real one in it. */
export interface FullSize {
  readonly folder: string
  readonly model: string
  /** Command line of the program up to the command's own words, for `node`. */
  command(...words: string[]): string[]
}

/** Runs `bench` beside a Phi-4 of full size: 58.6 GB of holes under true headers, a tokenizer of 100352 tokens. */
export async function withFullSize(bench: (place: FullSize) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'mibera-bench-'))
  const model = join(folder, 'mibera-v1-merged')
  const state = ['--state-dir', join(folder, 'state')]
  try {
    await writeModelFolder(model, phi4Shape, {
      shards: 13,
      sparse: true,
      lyingConfig: true,
      extras: (path) => writeCl100kTokenizer(path),
    })
    await bench({ folder, model, command: (...words) => [program, ...words, ...state] })
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

export async function runNode(words: readonly string[]): Promise<void> {
  await promisify(execFile)(process.execPath, words)
}

/** Median wall time in seconds; `after` is done each time and not counted. */
export async function wallTime(
  rounds: number,
  act: () => Promise<unknown>,
  after: () => Promise<unknown> = async () => {},
): Promise<number> {
  const taken: number[] = []
  for (let round = 0; round < rounds; round++) {
    const begun = performance.now()
    await act()
    taken.push((performance.now() - begun) / 1000)
    await after()
  }
  return median(taken)
}

export function printFigures(figures: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(figures)) console.log(`${name.padEnd(24)} ${value.toFixed(3)}`)
}
