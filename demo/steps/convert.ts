import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { check } from '../check.ts'
import { sha256 } from '../digest.ts'
import { mibera } from '../mibera.ts'
import { withoutLies } from '../without-lies.ts'
import { type Demo, names } from '../workspace.ts'

const words = ['convert', names.model, '--type', 'Q3_K_M', '--out', names.whole]

/** Converts without a break. @returns SHA-256 of the file. */
export async function convertWhole(demo: Demo, plannedBytes: number): Promise<string> {
  demo.say.heading('Convert it in the foreground, without a break: what to compare with')
  await mibera(demo, words, { shorten: withoutLies })
  const path = join(demo.folder, names.whole)
  const { size } = await stat(path)
  check(size === plannedBytes, `the file has the ${plannedBytes} bytes that were planned (it has ${size})`)
  const digest = await sha256(path)
  demo.say.remark(`${size} bytes, as planned; SHA-256 ${digest.slice(0, 32)}…`)
  return digest
}
