import { readFile } from 'node:fs/promises'
import { openLocalFile } from '#dist/disk/local-file.js'
import { type GgufFile, readGguf } from '#dist/formats/gguf/reader.js'

/** What differs between two GGUF files, in the metadata and tensor by tensor; nothing only if all their bytes are equal. */
export async function ggufDifferences(ours: string, theirs: string): Promise<string[]> {
  if ((await readFile(ours)).equals(await readFile(theirs))) return []
  const [a, b] = [await open(ours), await open(theirs)]
  const found: string[] = []
  const [ourKeys, theirKeys] = [entriesOf(a.gguf), entriesOf(b.gguf)]
  if (ourKeys.length !== theirKeys.length) found.push(`${ourKeys.length} and ${theirKeys.length} metadata keys`)
  found.push(...ourKeys.filter((entry, index) => entry !== theirKeys[index]).map((entry) => entry.slice(0, 200)))
  const expected = new Map(b.gguf.tensors.map((tensor) => [tensor.name, tensor]))
  if (a.gguf.tensors.length !== expected.size) found.push(`${a.gguf.tensors.length} and ${expected.size} tensors`)
  for (const tensor of a.gguf.tensors) {
    const other = expected.get(tensor.name)
    if (other?.type !== tensor.type) found.push(`${tensor.name}: ${tensor.type}, not ${other?.type}`)
    else if (!bytesOf(a, tensor).equals(bytesOf(b, other))) found.push(`${tensor.name}: other ${tensor.type} bytes`)
  }
  return found.length > 0 ? found : ['nothing but the order of keys or tensors, or what lies between them']
}

interface Opened {
  readonly gguf: GgufFile
  readonly bytes: Buffer
}

async function open(path: string): Promise<Opened> {
  const file = await openLocalFile(path)
  try {
    return { gguf: await readGguf(file), bytes: await readFile(path) }
  } finally {
    await file.close()
  }
}

function bytesOf({ bytes }: Opened, { offset, byteLength }: GgufFile['tensors'][number]): Buffer {
  return bytes.subarray(offset, offset + byteLength)
}

/** Key, type and value as one text. */
function entriesOf({ metadata }: GgufFile): string[] {
  const plain = (_: string, value: unknown) => (typeof value === 'bigint' ? `${value}` : value)
  return [...metadata].map((entry) => JSON.stringify(entry, plain)).sort()
}
