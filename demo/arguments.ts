import { parseArgs } from 'node:util'

export interface DemoArguments {
  /** Leave the folder with the model and the results. */
  readonly keep: boolean
}

export function readArguments(words: readonly string[]): DemoArguments {
  try {
    const { values } = parseArgs({ args: [...words], options: { keep: { type: 'boolean', default: false } } })
    return { keep: values.keep }
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\nUsage: npm run demo [-- --keep]\n`)
    process.exit(2)
  }
}
