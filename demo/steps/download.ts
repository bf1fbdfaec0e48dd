import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { trickleDownload } from '../../fixtures/trickle-download.ts'
import { check } from '../check.ts'
import { currentStatus, snapshot } from '../snapshot.ts'
import { type Demo, names } from '../workspace.ts'
import { quietSeconds } from './start-daemon.ts'

const pieceBytes = 16 * 2 ** 20

/** With the two shards of which some comes twice, the whole takes about six seconds. */
const pieceMilliseconds = 50

/** Brings the model into the watched folder, and waits for the daemon to begin by itself. */
export async function downloadModel(demo: Demo): Promise<void> {
  const { say } = demo
  say.heading('A download trickles in; jobs status says what the daemon waits for')
  say.remark(
    'Three files at a time, in random order, under temporary names. One shard is begun again; one comes twice.',
  )
  const ended = await trickleWithSnapshots(demo)
  check(
    (await currentStatus(demo)).jobs.every(({ created }) => created > ended),
    'nothing begins early',
  )

  say.heading('All is there and still: the conversion begins by itself')
  await snapshot(demo, / running\n.*\n +converting, /)
  const [job] = (await currentStatus(demo)).jobs
  const seconds = ((job?.created ?? 0) - ended) / 1000
  // Times of files are as coarse as the clock of the file system.
  check(seconds > quietSeconds - 0.1, `it begins when the download has been still for ${quietSeconds} s (${seconds} s)`)
  say.remark(`It began ${seconds.toFixed(1)} s after the last byte; the quiet time is ${quietSeconds} s.`)
}

/** @returns when the last byte was there, in milliseconds since the epoch. */
async function trickleWithSnapshots(demo: Demo): Promise<number> {
  const cut = new AbortController()
  const stop = AbortSignal.any([demo.stop, cut.signal])
  const download = trickleDownload(join(demo.folder, names.model), join(demo.folder, names.downloaded), {
    seed: 8,
    pieceBytes,
    style: 'part-suffix',
    onStep: () => wait(pieceMilliseconds, undefined, { signal: stop }),
  }).then(() => Date.now())
  try {
    const [ended] = await Promise.all([download, showWaiting(demo)])
    return ended
  } catch (error) {
    cut.abort()
    await download.catch(() => {})
    throw error
  }
}

async function showWaiting(demo: Demo): Promise<void> {
  // However slow the machine is, neither is missed: one soon, one when most is there.
  for (const shards of ['[1-3]', '[3-4]']) {
    await snapshot(demo, new RegExp(`Waiting for .*\\n +${shards} of 5 shards, .* at \\d+ %`))
    check((await currentStatus(demo)).jobs.length === 0, 'nothing begins before the download is complete')
  }
}
