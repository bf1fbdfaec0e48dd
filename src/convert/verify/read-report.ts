import { readFile } from 'node:fs/promises'
import * as z from 'zod'
import { MiberaError, systemCode } from '../../base/errors.ts'

const sha256 = z.string().regex(/^[0-9a-f]{64}$/)
const size = z.number().int().nonnegative()

/** The part of a report that a verification needs. */
const reportSchema = z.object({
  format: z.literal(1),
  totals: z.object({ bytes: size }),
  header: z.object({ bytes: size.max(2 ** 30), sha256 }),
  tensors: z.array(z.object({ name: z.string(), sha256 })),
})

export type ReadReport = z.infer<typeof reportSchema>

/**
 * The report at `path`, or `undefined` when there is none.
 * @throws MiberaError REPORT_MALFORMED when there is one that cannot be understood.
 */
export async function readReport(path: string): Promise<ReadReport | undefined> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return undefined
    throw new MiberaError('IO', `cannot read ${path}: ${(cause as Error).message}`, { subject: path, cause })
  }
  try {
    return reportSchema.parse(JSON.parse(text))
  } catch (cause) {
    throw new MiberaError('REPORT_MALFORMED', `${path} is not a report of mibera, or of a later version`, {
      subject: path,
      hint: 'Move it away to have the file checked without it.',
      cause,
    })
  }
}
