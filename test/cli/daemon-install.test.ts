import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test, vi } from 'vitest'
import { mainScript, mibera, run } from '../helpers/command-line.ts'
import { systemdArgv } from '../helpers/systemd-words.ts'
import { temporaryFolder } from '../helpers/temporary-folder.ts'

const linux = process.platform === 'linux'

/** The command line in a printed unit. */
function installed(text: string): string[] {
  return systemdArgv(/^ExecStart=(.*)$/m.exec(text)?.[1] ?? '')
}

test.skipIf(!linux)('the installed command line repeats the options given, with absolute paths', async () => {
  const cwd = await temporaryFolder()
  const words = ['--watch', 'my models', '--watch', '/b', '--type', 'q3_k_m,Q2_K', '--out', 'done', '--quiet-time', '5']
  const more = ['--threads', '2', '--max-memory', '512M', '--poll', '--reclaim-source', '--yes', '--mix', 'b3613']
  const answers = ['--override', 'head_size=128', '--override', 'x=y z', '--family', 'phi3']
  const state = ['--state-dir', 'st% "ate"']
  const workers = ['--redis', 'rediss://r:1', '--listen', '[::]:7600', '--token-file', 'token', '--shared-results']
  const secure = ['--tls-cert', 'c.pem', '--tls-key', '/k.pem', '--redis-password-file', 'p', '--redis-ca', 'ca']
  const all = ['daemon', 'install', '--print', ...words, ...more, ...answers, ...state, ...workers, ...secure]
  const { status, stdout } = await mibera(all, { cwd })
  expect(status).toBe(0)
  const argv = installed(stdout)
  expect(argv.slice(0, 7)).toEqual([
    process.execPath,
    mainScript,
    'daemon',
    'start',
    '--foreground',
    '--state-dir',
    join(cwd, 'st% "ate"'),
  ])
  const text = argv.slice(7).join(' ')
  expect(text).toContain(`--watch ${join(cwd, 'my models')} --watch ${resolve('/b')}`)
  expect(text).toContain(`--out ${join(cwd, 'done')}`)
  expect(text).toContain('--type Q3_K_M,Q2_K')
  expect(text).toContain(`--max-memory ${512 * 2 ** 20}`)
  expect(text).toContain('--override head_size=128 --override x=y z')
  for (const part of [
    '--quiet-time 5',
    '--threads 2',
    '--poll',
    '--reclaim-source --yes',
    '--mix b3613',
    '--family phi3',
    '--redis rediss://r:1 --listen [::]:7600',
    `--token-file ${join(cwd, 'token')}`,
    `--tls-cert ${join(cwd, 'c.pem')} --tls-key ${resolve('/k.pem')}`,
    `--redis-password-file ${join(cwd, 'p')} --redis-ca ${join(cwd, 'ca')}`,
    '--shared-results',
  ])
    expect(text).toContain(part)
  expect(existsSync(join(cwd, 'st% "ate"'))).toBe(false)
})

test("a password in Redis's address is not written into a service's command line", async () => {
  const words = ['--redis', 'redis://u:secret@r', '--listen', '127.0.0.1:1', '--token-file', 'token']
  const state = ['--state-dir', await temporaryFolder()]
  const { status, stdout, stderr } = await mibera(['daemon', 'install', '--print', ...words, ...state])
  expect(status).toBe(2)
  expect(stderr).toContain('--redis-password-file')
  expect(stdout + stderr).not.toContain('secret')
})

test.skipIf(!linux)('options that were not given are left to the settings', async () => {
  const state = await temporaryFolder()
  const { stdout } = await mibera(['daemon', 'install', '--print', '--state-dir', state])
  expect(installed(stdout)).toEqual([
    process.execPath,
    mainScript,
    'daemon',
    'start',
    '--foreground',
    '--state-dir',
    state,
  ])
})

test.skipIf(!linux)('the installed command line is a daemon, again and again after it was killed', async () => {
  const state = join(await temporaryFolder(), 'st ate %h $HOME ü')
  const { stdout } = await mibera(['daemon', 'install', '--print', '--threads', '1', '--state-dir', state])
  const [program = '', ...words] = installed(stdout)
  const seen: number[] = []
  for (let boot = 0; boot < 2; boot++) {
    await run(program, words, {
      onStart: (child) => {
        const answered = vi.waitFor(async () => seen.push(await daemonProcess(state)), 30_000)
        answered.catch(() => {}).finally(() => child.kill('SIGKILL'))
      },
    })
  }
  expect(new Set(seen).size).toBe(2)
})

/** The daemon's process id. Fails while none answers. */
async function daemonProcess(state: string): Promise<number> {
  const { stdout } = await mibera(['daemon', 'status', '--json', '--state-dir', state])
  return (JSON.parse(stdout) as { daemon: { pid: number } }).daemon.pid
}

test('--print --json is one document with the steps', async () => {
  const state = await temporaryFolder()
  const { stdout } = await mibera(['daemon', 'uninstall', '--print', '--json', '--state-dir', state])
  const { steps } = JSON.parse(stdout)
  expect(steps.filter((step: object) => 'remove' in step)).toHaveLength(1)
  expect(steps.filter((step: object) => 'run' in step).length).toBeGreaterThan(0)
})

test('deleting sources needs a yes when the service is installed', async () => {
  const state = await temporaryFolder()
  const { status, stderr } = await mibera(['daemon', 'install', '--reclaim-source', '--print', '--state-dir', state])
  expect(status).toBe(2)
  expect(stderr).toContain('--yes')
})
