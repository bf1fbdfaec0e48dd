import { writeSync } from 'node:fs'
import type { ConvertEvent } from '#dist/convert/events.js'
import { convertFolder } from '../helpers/convert-folder.ts'

/**
 * Converts in a process of its own, which a test can kill: `convert-child.ts FOLDER OUTPUT`. Every event is a line on
 * standard output, written before the conversion goes on, so that none is lost with the process.
 */
const [folder = '', output = ''] = process.argv.slice(2)

function tell(event: ConvertEvent | { readonly kind: 'published' }): void {
  const { kind } = event
  const slices = event.kind === 'begun' ? event.doneSlices : 'slices' in event ? event.slices : undefined
  writeSync(1, `${JSON.stringify({ kind, slices })}\n`)
}

await convertFolder(folder, 'Q4_K_M', output, { onEvent: tell, batch: { milliseconds: 30, bytes: 2 ** 30 } })
tell({ kind: 'published' })
