import { statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import { KnowingConversion, smallPlan, sourceSize } from './coordinator-plan.ts'
import { plainListener } from './plain-listener.ts'

/**
 * A listener in a process of its own, whose memory can be looked at. Words: a folder that is its own, the token.
 * Prints its port; ends when its standard input does. A message on the input has it collect garbage.
 */
const [folder = '', token = ''] = process.argv.slice(2)
const path = join(folder, 'model.safetensors')
writeFileSync(path, '')
truncateSync(path, sourceSize)
const plan = smallPlan({ path, modifiedMs: Math.floor(statSync(path).mtimeMs) })

const log = pino({ level: 'debug' }, pino.destination(join(folder, 'log')))
const { conversions, workers, listener } = plainListener({ folder, token, log })
await conversions.add(new KnowingConversion(plan, { part: join(folder, 'out.gguf.part') }), { sharedResults: true })
const { port } = await listener.start()
process.stdout.write(`${port}\n`)

for await (const _ of process.stdin) {
  globalThis.gc?.()
  process.stdout.write('collected\n')
}
workers.stop()
await listener.stop()
