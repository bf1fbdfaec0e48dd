import { quote } from '../base/quote.ts'
import type { ByteSource } from '../disk/byte-source.ts'
import { openLocalFile } from '../disk/local-file.ts'
import { type GgufFile, readGguf } from '../formats/gguf/reader.ts'
import type { GgufValue } from '../formats/gguf/values.ts'
import type { PlannedFile } from '../plan/plan.ts'

/**
 * In which metadata and tensors the header that a part file was begun with differs from that of the file planned now.
 * @returns a text for each; `undefined` where the part file has no header that can be read.
 */
export async function headerDifferences(part: string, planned: PlannedFile): Promise<string[] | undefined> {
  const now = await readGguf(headerSource(planned))
  const file = await openLocalFile(part).catch(() => undefined)
  if (file === undefined) return undefined
  try {
    const before = await readGguf(file)
    return [...metadataDifferences(before, now), ...tensorDifferences(before, now)]
  } catch {
    // Damaged besides: the caller has other things to say.
    return undefined
  } finally {
    await file.close()
  }
}

/** The planned file, of which only the header is there to be read. */
function headerSource({ header, size }: PlannedFile): ByteSource {
  return {
    name: 'the plan',
    size,
    async read(target, position) {
      target.set(header.subarray(position, position + target.length))
    },
    async close() {},
  }
}

function metadataDifferences(before: GgufFile, now: GgufFile): string[] {
  const keys = new Set([...before.metadata.keys(), ...now.metadata.keys()])
  return [...keys].flatMap((key) => {
    const [was, is] = [before.metadata.get(key), now.metadata.get(key)]
    return sameValue(was, is) ? [] : [`${key} was ${shown(was)}, is ${shown(is)}`]
  })
}

function tensorDifferences(before: GgufFile, now: GgufFile): string[] {
  const place = ({ name, type, shape, offset }: GgufFile['tensors'][number]) =>
    `${name}: ${type} [${shape.join(', ')}] at byte ${offset}`
  const were = new Set(before.tensors.map(place))
  const first = now.tensors.map(place).find((text) => !were.has(text))
  return first === undefined ? [] : [`no tensor was ${first}`]
}

function sameValue(a: GgufValue | undefined, b: GgufValue | undefined): boolean {
  if (a === undefined || b === undefined || a.type !== b.type) return a === b
  if (a.type !== 'array' || b.type !== 'array') return a.value === b.value
  return a.of === b.of && a.value.length === b.value.length && a.value.every((item, index) => item === b.value[index])
}

function shown(value: GgufValue | undefined): string {
  if (value === undefined) return 'missing'
  if (value.type === 'array') return `a list of ${value.value.length}`
  return value.type === 'string' ? quote(value.value) : String(value.value)
}
