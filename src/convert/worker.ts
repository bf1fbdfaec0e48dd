import { parentPort } from 'node:worker_threads'
import { openLocalFile } from '../disk/local-file.ts'
import { answerJobs, type RunJob } from './answer-jobs.ts'
import { FileSink } from './block-sink.ts'
import type { LocalSetup } from './protocol.ts'
import { SliceRunner } from './slice-runner.ts'

/** Entry of a worker thread that works on files of this machine. */
answerJobs(parentPort, open)

async function open(setup: LocalSetup): Promise<RunJob> {
  const sources = await Promise.all(setup.sources.map((path) => (path === undefined ? undefined : openLocalFile(path))))
  const sink = new FileSink(setup.outputs)
  const runner = new SliceRunner(setup, sources, sink)
  return async (job) => {
    switch (job.kind) {
      case 'quantize':
        return runner.quantize(job)
      case 'check':
        return runner.check(job)
      case 'scan':
        return runner.scan(job)
      case 'read-back':
        return runner.readBack(job, await sink.file(job.file))
      case 'release':
        return runner.release(job.source)
    }
  }
}
