import { readdir } from 'node:fs/promises'
import { MiberaError } from '../../base/errors.ts'
import { listFirst } from '../../base/quote.ts'

/** Most shards that numbered names or an index may promise. The largest models known have about 200. */
export const maxShards = 4096

const singleFile = 'model.safetensors'

/** e.g. model-00004-of-00013.safetensors: what stands before the numbers, the shard's number from 1, and their total. */
const numbered = /^(.*)-(\d{5})-of-(\d{5})\.safetensors$/s

/** Weights in other formats, by the end of the name. */
const otherFormats = ['.gguf', '.bin', '.pth', '.pt', '.ckpt', '.h5', '.onnx', '.msgpack']

/**
 * The names of the shards that make up a model whose folder has no index: `model.safetensors`, else every shard that
 * the numbered names promise (whether present or not), else every *.safetensors. Sorted by name.
 * @throws MiberaError NO_SAFETENSORS, which names weights in other formats where there are any; IO.
 */
export async function findShards(folder: string): Promise<string[]> {
  const names = (await listFolder(folder)).toSorted()
  const shards = shardsAmong(names)
  if (shards.length === 0) throw noSafetensors(folder, names)
  return shards
}

/** The same from names alone, sorted; empty where none is a *.safetensors. */
export function shardsAmong(names: readonly string[]): string[] {
  const found = names.filter((name) => name.endsWith('.safetensors')).toSorted()
  if (found.includes(singleFile)) return [singleFile]
  const promised = promisedShards(found)
  return promised.length > 0 ? promised : found
}

async function listFolder(folder: string): Promise<string[]> {
  try {
    return await readdir(folder)
  } catch (cause) {
    throw new MiberaError('IO', `cannot list ${folder}: ${(cause as Error).message}`, {
      subject: folder,
      hint: 'Check that you may read the folder and that its disk is connected.',
      cause,
    })
  }
}

function promisedShards(found: readonly string[]): string[] {
  const sets = new Map(found.flatMap((name) => numberedSet(name)))
  return [...sets.values()].flat()
}

/** Key and members of the set that a numbered name belongs to: none for another name. */
function numberedSet(name: string): [string, string[]][] {
  const [, stem = '', number = '', total = ''] = numbered.exec(name) ?? []
  const lawful = Number(number) >= 1 && Number(number) <= Number(total) && Number(total) <= maxShards
  if (number === '' || !lawful) return []
  const members = Array.from({ length: Number(total) }, (_, index) => {
    return `${stem}-${String(index + 1).padStart(5, '0')}-of-${total}.safetensors`
  })
  return [[`${stem}/${total}`, members]]
}

function noSafetensors(folder: string, names: readonly string[]): MiberaError {
  const others = names.filter((name) => otherFormats.some((ending) => name.toLowerCase().endsWith(ending)))
  const advice = 'Download the model as *.safetensors'
  const hint =
    others.length === 0 ? advice : `${advice}; only weights in other formats are here: ${listFirst(others, 3)}`
  return new MiberaError('NO_SAFETENSORS', `${folder} holds no *.safetensors file`, {
    subject: folder,
    hint: `${hint}.`,
  })
}
