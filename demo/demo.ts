import { formatBytes } from '#dist/base/byte-count.js'
import { readArguments } from './arguments.ts'
import { ClaimFailed } from './check.ts'
import { Say } from './say.ts'
import { buildModel } from './steps/build-model.ts'
import { convertWhole } from './steps/convert.ts'
import { downloadModel } from './steps/download.ts'
import { inspectModel } from './steps/inspect.ts'
import { killDaemon } from './steps/kill-daemon.ts'
import { planModel } from './steps/plan.ts'
import { restartDaemon } from './steps/restart-daemon.ts'
import { runInLlama } from './steps/run-in-llama.ts'
import { startDaemonFirst } from './steps/start-daemon.ts'
import { verify } from './steps/verify.ts'
import { diskUse, withWorkspace } from './workspace.ts'

/*
 * `npm run demo [-- --keep]`: one model from its disguise to its first tokens, by a daemon that is killed half-way,
 * through the command line that ships. Everything said is checked; the exit status is 1 when something does not hold,
 * 130 when interrupted.
 */

const { keep } = readArguments(process.argv.slice(2))
const say = new Say(process.stdout)
const interrupted = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interrupted.abort())

try {
  await withWorkspace({ keep, say, stop: interrupted.signal }, async (demo) => {
    const begun = performance.now()
    const model = await buildModel(demo)
    await inspectModel(demo, model)
    const plannedBytes = await planModel(demo)
    const whole = await convertWhole(demo, plannedBytes)
    const daemon = await startDaemonFirst(demo)
    await downloadModel(demo)
    const killed = await killDaemon(demo, daemon)
    await restartDaemon(demo, killed, whole)
    await verify(demo)
    const ran = await runInLlama(demo, model)
    const seconds = Math.round((performance.now() - begun) / 1000)
    const disk = formatBytes(await diskUse(demo.folder))
    const ending = ran ? 'verified, run' : 'verified, not run'
    say.summary(`Done in ${seconds} s, ${disk}: killed at ${killed.percent} %, resumed, same bytes, ${ending}.`)
  })
} catch (error) {
  if (interrupted.signal.aborted) {
    say.failure('Interrupted.')
    process.exitCode = 130
  } else {
    say.failure(`The demo failed. ${error instanceof ClaimFailed ? error.message : (error as Error).stack}`)
    process.exitCode = 1
  }
}
