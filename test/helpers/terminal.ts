import { spawnSync } from 'node:child_process'
import { stripVTControlCharacters } from 'node:util'
import { run } from './command-line.ts'

/** Why no pseudo terminal can be had here, or `undefined` if it can: `script` of util-linux makes one. */
export const noTerminal =
  process.platform === 'linux' && spawnSync('script', ['--version']).stdout?.includes('util-linux')
    ? undefined
    : 'a terminal is made with script of util-linux'

/** The lines that a program leaves on a terminal of so many columns; a longer line is seen as such, not wrapped. */
export async function onTerminal(words: readonly string[], columns: number): Promise<string[]> {
  const command = words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ')
  const sized = `stty cols ${columns} rows 24 && exec ${command}`
  const { status, stdout, stderr } = await run('script', ['-qec', sized, '/dev/null'])
  if (status !== 0) throw new Error(`ended with ${status}: ${stdout}${stderr}`)
  return stripVTControlCharacters(stdout).trimEnd().split(/\r?\n/)
}
