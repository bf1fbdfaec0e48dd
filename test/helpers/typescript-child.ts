import { fileURLToPath } from 'node:url'

const runner = fileURLToPath(new URL('./run-typescript.mjs', import.meta.url))

/** The words that have Node run a file of TypeScript in a process of its own. */
export function typescriptChild(script: URL, ...words: readonly string[]): string[] {
  return [runner, fileURLToPath(script), ...words]
}
