import { statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pino } from 'pino'
import { ActiveConversions } from '#dist/daemon/coordinator/conversions/active-conversions.js'
import { CoordinatorListener } from '#dist/daemon/coordinator/listener/listener.js'
import { TokenFile } from '#dist/daemon/coordinator/trust/token-file.js'
import { WorkerRegistry } from '#dist/daemon/coordinator/trust/worker-registry.js'
import { KnowingConversion, smallPlan, sourceSize } from './coordinator-plan.ts'

/**
 * A listener in a process of its own, whose memory can be looked at. Words: a folder that is its own, the token.
 * Prints its port; ends when its standard input does. A message on the input has it collect garbage.
 */
const [folder = '', token = ''] = process.argv.slice(2)
const tokenFile = join(folder, 'token')
writeFileSync(tokenFile, token)
const path = join(folder, 'model.safetensors')
writeFileSync(path, '')
truncateSync(path, sourceSize)
const plan = smallPlan({ path, modifiedMs: Math.floor(statSync(path).mtimeMs) })

const log = pino({ level: 'debug' }, pino.destination(join(folder, 'log')))
const conversions = new ActiveConversions()
await conversions.add(new KnowingConversion(plan, { part: join(folder, 'out.gguf.part') }), { sharedResults: true })
const workers = new WorkerRegistry({ heartbeatMilliseconds: 2000, log })
const listener = new CoordinatorListener({
  listen: { host: '127.0.0.1', port: 0 },
  token: new TokenFile(tokenFile, log),
  version: 'test',
  welcome: { queue: 'tensors-test', prefix: 'test', lockMilliseconds: 30_000 },
  ...{ conversions, workers, log },
})
const { port } = await listener.start()
process.stdout.write(`${port}\n`)

for await (const _ of process.stdin) {
  globalThis.gc?.()
  process.stdout.write('collected\n')
}
workers.stop()
await listener.stop()
