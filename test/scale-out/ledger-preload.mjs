import { writeSync } from 'node:fs'
import { FileSink } from '#dist/convert/block-sink.js'
import { Checkpoints } from '#dist/convert/checkpoints.js'
import { ConversionDesk } from '#dist/convert/conversion-desk.js'
import { SliceIntake } from '#dist/daemon/coordinator/transfer/slice-intake.js'
import { Daemon } from '#dist/daemon/daemon.js'
import { PartFile } from '#dist/disk/part-file.js'

/**
 * Loaded into a daemon and its threads before anything else (threads take no TypeScript): tells on file descriptor 3
 * what is taken, and what is written into an output, as ledger.ts says. A pipe keeps what was told when the daemon is
 * killed. Nothing else is changed.
 *
 * @param {import('./ledger.ts').LedgerLine} line
 */
function tell(line) {
  writeSync(3, `${JSON.stringify(line)}\n`)
}

const { start } = Daemon.prototype
Daemon.prototype.start = async function () {
  tell({ kind: 'begun' })
  await start.call(this)
}

const { write } = PartFile.prototype
PartFile.prototype.write = async function (bytes, position) {
  await write.call(this, bytes, position)
  tell({ kind: 'written', offset: position, byteLength: bytes.length })
}

const { put } = FileSink.prototype
FileSink.prototype.put = async function (job, blocks, made) {
  await put.call(this, job, blocks, made)
  tell({ kind: 'written', offset: job.offset, byteLength: blocks.length })
}

const { take } = ConversionDesk.prototype
ConversionDesk.prototype.take = async function (id, blocks, made, check) {
  const taken = await take.call(this, id, blocks, made, check)
  if (taken !== 'late') tell({ kind: 'taken', ...id, taken })
  return taken
}

const { forget } = Checkpoints.prototype
Checkpoints.prototype.forget = function (ids) {
  forget.call(this, ids)
  for (const id of ids) tell({ kind: 'retaken', ...id })
}

// What is late is mostly turned away before its bytes are read.
const { uploaded, spooled } = SliceIntake.prototype
const noting = (bring) =>
  async function (announced, body) {
    const verdict = await bring.call(this, announced, body)
    if (verdict.taken === 'late') tell({ kind: 'taken', ...announced.named.id, taken: 'late' })
    return verdict
  }
SliceIntake.prototype.uploaded = noting(uploaded)
SliceIntake.prototype.spooled = noting(spooled)
