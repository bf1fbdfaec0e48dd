import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { DaemonClient } from '#dist/daemon/client.js'
import { mibera } from '../../helpers/command-line.ts'
import { addJob, jobConverting, jobOf, jobWhen, killDaemon, statusOf } from '../../helpers/daemon.ts'
import { fileSha256 } from '../../helpers/partial-run.ts'
import { smallPre, smallShape, writeSmallModel } from '../../helpers/small-model.ts'
import { suiteFolder } from '../../helpers/suite-folder.ts'
import { systemdArgv } from '../../helpers/systemd-words.ts'

const root = suiteFolder()
const notHere = process.platform === 'linux' ? undefined : `it is systemd's, this is ${process.platform}`
if (notHere !== undefined) console.warn(`Not tested: a reboot with the installed command line. ${notHere}.`)

/** The command line that systemd would run, out of the unit as it is printed. */
async function installedCommand(words: readonly string[]): Promise<string[]> {
  const { status, stdout } = await mibera(['daemon', 'install', '--print', ...words])
  expect(status).toBe(0)
  return systemdArgv(/^ExecStart=(.*)$/m.exec(stdout)?.[1] ?? '')
}

/** As a service manager starts it: from `/`, with hardly any environment. Resolves when it says that it runs. */
async function boot([program = '', ...words]: readonly string[], state: string): Promise<ChildProcess> {
  const child = spawn(program, words, {
    cwd: '/',
    env: { PATH: '/usr/bin:/bin', HOME: '/' },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  onTestFinished(() => killDaemon(state, child.pid ?? 0))
  let said = ''
  await new Promise<void>((resolve, reject) => {
    child.on('exit', (status) => reject(new Error(`ended with ${status}:\n${said}`)))
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said += text
      if (said.includes('the daemon runs')) resolve()
    })
  })
  return child
}

test.skipIf(notHere !== undefined)(
  'after a reboot the installed command line goes on with what was in work, and with what waits in line',
  async () => {
    const model = join(root(), 'my models', 'möbius')
    await writeSmallModel(model, { dtype: 'BF16' }, { ...smallShape, vocabulary: 96_000 })
    const whole = join(root(), 'whole.gguf')
    const place = ['--quiet', '--out', whole, '--state-dir', join(root(), 'whole state')]
    expect((await mibera(['convert', model, '--pre', smallPre, '--type', 'Q3_K_M', ...place])).status).toBe(0)
    const expected = await fileSha256(whole)

    const state = join(root(), 'the "state": 100 %?')
    const out = join(root(), 'made')
    await mkdir(out)
    const watched = ['--watch', join(root(), 'my models'), '--type', 'Q3_K_M', '--out', out, '--quiet-time', '0']
    const command = await installedCommand([...watched, '--pre', smallPre, '--threads', '1', '--state-dir', state])
    const client = new DaemonClient(state)

    const first = await boot(command, state)
    await jobConverting(client, 1)
    const second = { model, output: join(out, 'second.gguf'), recipe: 'Q2_K' as const, options: { pre: smallPre } }
    const { id: queued } = await addJob(client, second)
    const end = once(first, 'exit')
    first.kill('SIGKILL')
    expect(await end).toEqual([null, 'SIGKILL'])
    // Whoever has its process number after the reboot is not it: here, this very test.
    writeFileSync(join(state, 'lock.owner'), `process ${process.pid} on a machine that was rebooted\n`)

    const again = await boot(command, state)
    expect((await statusOf(client)).daemon?.pid).toBe(again.pid)
    const resumed = await jobWhen(client, 1, 'done')
    expect(resumed).toMatchObject({ origin: 'watcher', attempts: 0 })
    expect(await fileSha256(resumed.output)).toBe(expected)
    const { events } = await jobOf(client, 1)
    expect(events.map(({ kind }) => kind)).toContain('recovered')
    await jobWhen(client, queued, 'done')
    // The watcher knows its folder again.
    expect((await statusOf(client)).counts).toMatchObject({ done: 2, queued: 0, running: 0, failed: 0 })
  },
)
