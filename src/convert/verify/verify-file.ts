import { createHash } from 'node:crypto'
import { MiberaError } from '../../base/errors.ts'
import { type LocalFile, openLocalFile } from '../../disk/local-file.ts'
import { type GgufFile, readGguf } from '../../formats/gguf/reader.ts'
import { hashTensor } from './hash-tensor.ts'
import { type ReadReport, readReport } from './read-report.ts'

export interface FileVerdict {
  readonly file: string
  readonly bytes: number
  readonly tensors: number
  /** Whether a report stood beside the file, so that every byte of tensors and header could be compared. */
  readonly digests: 'match' | 'no report'
}

export interface FilesVerdict extends FileVerdict {
  readonly files: number
}

/**
 * {@link verifyFile} for all files of a split. Verdicts are told together: digests match where those of every file do.
 * @throws MiberaError as {@link verifyFile}
 */
export async function verifyFiles(
  paths: readonly [string, ...string[]],
  onTensor: (byteLength: number) => void,
): Promise<FilesVerdict> {
  const verdicts: FileVerdict[] = []
  for (const path of paths) verdicts.push(await verifyFile(path, onTensor))
  return {
    file: paths[0],
    files: verdicts.length,
    bytes: verdicts.reduce((sum, { bytes }) => sum + bytes, 0),
    tensors: verdicts.reduce((sum, { tensors }) => sum + tensors, 0),
    digests: verdicts.every(({ digests }) => digests === 'match') ? 'match' : 'no report',
  }
}

/**
 * Reads a whole GGUF: its structure, every block's scales, and, where a report stands beside it, the digest of the
 * header and of every tensor.
 * @param onTensor called after each tensor with its size in bytes.
 * @throws MiberaError GGUF_MALFORMED, or VERIFICATION_FAILED naming what differs.
 */
export async function verifyFile(path: string, onTensor: (byteLength: number) => void): Promise<FileVerdict> {
  const file = await openLocalFile(path)
  try {
    const gguf = await readGguf(file)
    const report = await readReport(`${path}.report.json`)
    if (report !== undefined) await compareWithReport(file, gguf, report)
    const expected = new Map(report?.tensors.map((tensor) => [tensor.name, tensor]))
    for (const tensor of gguf.tensors) {
      const sha256 = await hashTensor(file, tensor)
      if (report !== undefined && expected.get(tensor.name)?.sha256 !== sha256) {
        throw failed(path, `${tensor.name} has not the bytes that its report records`)
      }
      onTensor(tensor.byteLength)
    }
    const digests = report === undefined ? 'no report' : 'match'
    return { file: path, bytes: file.size, tensors: gguf.tensors.length, digests }
  } finally {
    await file.close()
  }
}

async function compareWithReport(file: LocalFile, gguf: GgufFile, report: ReadReport): Promise<void> {
  if (file.size !== report.totals.bytes) {
    throw failed(file.name, `the file has ${file.size} bytes, its report records ${report.totals.bytes}`)
  }
  if (gguf.tensors.length !== report.tensors.length) {
    throw failed(file.name, `the file has ${gguf.tensors.length} tensors, its report records ${report.tensors.length}`)
  }
  const header = new Uint8Array(report.header.bytes)
  await file.read(header, 0)
  if (createHash('sha256').update(header).digest('hex') !== report.header.sha256) {
    throw failed(file.name, 'the header (metadata and tensor list) has not the bytes that its report records')
  }
}

function failed(path: string, what: string): MiberaError {
  return new MiberaError('VERIFICATION_FAILED', `${path}: ${what}`, {
    subject: path,
    hint: 'The file was changed or damaged after it was made. Convert it again, or copy it again from where it is sound.',
  })
}
