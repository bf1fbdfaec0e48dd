import { resolve } from 'node:path'
import { formatBytes } from '../../base/byte-count.ts'
import { compareWithSource, type SourceVerdict } from '../../convert/verify/compare-with-source.ts'
import { filesOf } from '../../convert/verify/files-of.ts'
import { type FilesVerdict, verifyFiles } from '../../convert/verify/verify-file.ts'
import type { GlobalOptions } from '../global-options.ts'
import type { ModelOptions } from '../options/model-options.ts'
import { understandModel } from '../options/understand-model.ts'
import { StatusLine } from '../render/status-line.ts'
import type { VerifyCommandOptions } from './verify.ts'

/** What `mibera verify` does. */
export async function verifyGguf(
  file: string,
  options: VerifyCommandOptions,
  { json, quiet }: GlobalOptions,
): Promise<void> {
  const path = resolve(file)
  const status = new StatusLine(process.stderr)
  const showing = status.terminal && !quiet
  try {
    let bytes = 0
    const paths = await filesOf(path)
    const verdict = await verifyFiles(paths, (byteLength) => {
      bytes += byteLength
      if (showing) status.draw(`reading ${formatBytes(bytes)}`)
    })
    const source =
      options.source === undefined
        ? undefined
        : await compare(paths, options.source, options, showing ? status : undefined)
    status.clear()
    process.stdout.write(
      json ? `${JSON.stringify({ ...verdict, source: source ?? null }, null, 2)}\n` : verdictText(verdict, source),
    )
  } finally {
    status.clear()
  }
}

async function compare(
  paths: readonly string[],
  source: string,
  options: ModelOptions,
  status?: StatusLine,
): Promise<SourceVerdict> {
  const { input, description } = await understandModel(source, options)
  let done = 0
  return compareWithSource(paths, input, description, () => {
    done++
    status?.draw(`comparing with the source: tensor ${done} of ${description.tensors.length}`)
  })
}

function verdictText(
  { file, files, bytes, tensors, digests }: FilesVerdict,
  source: SourceVerdict | undefined,
): string {
  const name = files === 1 ? file : `${file} and ${files - 1} more ${files === 2 ? 'file' : 'files'}`
  const lines = [`${name}: sound`, `  structure: ${tensors} tensors, ${formatBytes(bytes)}, every scale finite`]
  lines.push(
    digests === 'match'
      ? '  digests:   header and every tensor as its report records'
      : `  digests:   not compared, no report stands beside ${files === 1 ? 'the file' : 'every file'}`,
  )
  if (source !== undefined) {
    lines.push(
      `  source:    ${source.rows} rows of ${source.tensors - source.skipped.length} tensors quantized again, all equal`,
    )
    if (source.skipped.length > 0)
      lines.push(`             ${source.skipped.length} tensors of other types were not compared`)
  }
  return `${lines.join('\n')}\n`
}
