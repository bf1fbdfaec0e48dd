import { parentPort } from 'node:worker_threads'
import { MiberaError } from '../base/errors.ts'
import { answerJobs, type RunJob } from '../convert/answer-jobs.ts'
import type { QuantizeJob } from '../convert/protocol.ts'
import { SliceRunner } from '../convert/slice-runner.ts'
import type { ByteSource } from '../disk/byte-source.ts'
import { CoordinatorClient } from './coordinator-client.ts'
import { runsOf } from './gathered-reads.ts'
import { HttpSource } from './http-source.ts'
import { SharedFile } from './shared-file.ts'
import { SpoolSink } from './spool-sink.ts'
import type { RemoteSetup } from './thread-setup.ts'
import { ThreadShare } from './thread-share.ts'
import { TokenReader } from './token-reader.ts'
import { UploadSink } from './upload-sink.ts'

/** Entry of a thread that makes slices for a coordinator elsewhere. */
answerJobs(parentPort, open)

async function open(setup: RemoteSetup): Promise<RunJob> {
  const { conversion, spool } = setup
  const share = new ThreadShare(setup.share)
  const client = new CoordinatorClient({
    address: setup.coordinator,
    token: new TokenReader(setup.tokenFile),
    worker: () => share.worker,
    onLife: () => share.beat(),
  })
  const sink =
    spool === undefined
      ? new UploadSink(client, conversion)
      : new SpoolSink({ client, conversion, folder: spool, share })
  const sources = sourcesOf(setup, client)
  const runner = new SliceRunner(setup, sources, sink)
  return async (job) => {
    if (job.kind !== 'quantize') throw new MiberaError('INTERNAL', `a worker elsewhere was asked to ${job.kind}`)
    const letGo = holdStretches(job, sources)
    try {
      return await runner.quantize(job)
    } finally {
      letGo()
      share.beat()
    }
  }
}

function sourcesOf({ sources, conversion }: RemoteSetup, client: CoordinatorClient): ByteSource[] {
  return sources.map((source, index) => {
    if (source.path !== undefined) return new SharedFile(source.path, source.size)
    return new HttpSource(client, `/v1/conversions/${conversion}/sources/${index}`, source)
  })
}

/** Has what a slice needs fetched in few requests, where its rows lie in another order than they are wanted in. */
function holdStretches({ input }: QuantizeJob, sources: readonly ByteSource[]): () => void {
  if (input.kind === 'values') return () => {}
  const runs = runsOf(input.segments)
  if (runs.length === input.segments.length) return () => {}
  const held = runs.map(({ source, offset, byteLength }) => {
    const from = sources[source]
    return from instanceof HttpSource ? from.hold(offset, byteLength) : () => {}
  })
  return () => {
    for (const letGo of held) letGo()
  }
}
