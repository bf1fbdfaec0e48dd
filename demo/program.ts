import { fileURLToPath } from 'node:url'

/** The command line program as it ships. */
export const program = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))
