import { check } from '../check.ts'
import { mibera, miberaJson } from '../mibera.ts'
import { type Demo, names } from '../workspace.ts'

interface Verdict {
  readonly digests: string
  readonly source: { readonly rows: number; readonly skipped: readonly string[] } | null
}

export async function verify(demo: Demo): Promise<void> {
  demo.say.heading('Read it back: structure, digests, rows quantized again from the source')
  const words = ['verify', names.result, '--source', names.downloaded]
  const [{ digests, source }] = await Promise.all([miberaJson<Verdict>(demo, words), mibera(demo, words)])
  check(digests === 'match', 'every digest is as the report records')
  check(source !== null && source.rows > 0 && source.skipped.length === 0, 'rows of every tensor were compared')
}
