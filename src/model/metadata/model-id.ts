/** What the parts of a name on the Hugging Face Hub say. Source of the rules: llama.cpp gguf-py/gguf/metadata.py. */
export interface ModelId {
  /** The name without its organization. */
  readonly name: string
  readonly organization?: string
  readonly basename?: string
  readonly finetune?: string
  readonly version?: string
  readonly sizeLabel?: string
}

type PartKind = 'basename' | 'sizeLabel' | 'finetune' | 'version' | 'type'

interface Part {
  text: string
  readonly kinds: Set<PartKind>
}

const versionPart = /^(v|iter)?\d+(\.\d+)*$/i
const typePart = /^(i?q\d(_\w)*|b?fp?(16|32))$/i
const sizePart = /^((a|\d+x)?\d+([._]\d+)?[kmbt]\d?|small|mini|medium|large|x?xl)$/i
const activeSizePart = /^a\d+([._]\d+)?[kmbt]\d?$/i
const finetunePart = /^(chat|instruct|vision|lora)$/i

/**
 * Takes a name such as "microsoft/Phi-3-mini-4k-instruct" apart.
 * @param parameters tell a size ("8B") from a context length ("4k")
 */
export function parseModelId(id: string, parameters: number): ModelId {
  if (id.includes(' ')) return { name: id }
  const slash = id.indexOf('/')
  const name = slash < 0 ? id : id.slice(slash + 1)
  const organization = slash < 0 ? undefined : id.slice(0, slash)
  const parts = name
    .split('-')
    .filter((text) => text !== '')
    .map((text) => ({ text, kinds: new Set<PartKind>() }))
  for (const [index, part] of parts.entries()) mark(part, index, parts, parameters)
  preferNumericSizes(parts)
  markBasename(parts)
  return {
    name,
    ...(organization !== undefined && !organization.startsWith('.') && { organization }),
    ...fields(parts),
  }
}

function mark(part: Part, index: number, parts: readonly Part[], parameters: number): void {
  if (versionPart.test(part.text)) {
    part.kinds.add('version')
  } else if (typePart.test(part.text)) {
    part.kinds.add('type')
    part.text = part.text.toUpperCase()
  } else if (index > 0 && sizePart.test(part.text)) {
    markSize(part, parts[index + 1], parameters)
  } else if (index > 0 && finetunePart.test(part.text)) {
    part.kinds.add('finetune')
  }
}

/** A size far from the model's own (by more than seven eighths) is a context length, and written in lower case. */
function markSize(part: Part, next: Part | undefined, parameters: number): void {
  part.text = normalSize(part.text)
  const far = (label: string) => Math.abs(labelled(label) - parameters) > Math.floor((7 * parameters) / 8)
  const beforeActive = next !== undefined && activeSizePart.test(next.text) && !far(normalSize(next.text).slice(1))
  if (parameters > 0 && !beforeActive && far(part.text)) {
    part.kinds.add('finetune')
    part.text = part.text.slice(0, -1) + part.text.slice(-1).toLowerCase()
  } else {
    part.kinds.add('sizeLabel')
  }
}

/** "7b1" is 7.1B; suffixes are upper case, but words such as "mini" stay. */
function normalSize(text: string): string {
  let size = text.replaceAll('_', '.')
  const last = size.slice(-1)
  if (/\d/.test(last)) size = `${size.slice(0, -2)}.${last}${size.slice(-2, -1)}`
  return /\d[kmbt]$/.test(size) ? size.slice(0, -1) + size.slice(-1).toUpperCase() : size
}

/** Parameters that a label such as "3.8B" names; NaN (far from nothing) for words and products such as "8x7B". */
function labelled(label: string): number {
  return Number(label.slice(0, -1)) * 1000 ** ' KMBT'.indexOf(label.slice(-1))
}

function preferNumericSizes(parts: readonly Part[]): void {
  const sizes = parts.filter(({ kinds }) => kinds.has('sizeLabel'))
  if (!sizes.some(({ text }) => /\d/.test(text))) return
  for (const { text, kinds } of sizes) if (/^\p{L}+$/u.test(text)) kinds.delete('sizeLabel')
}

/** The leading plain words are the base name; a version belongs to it only if a word follows. */
function markBasename(parts: readonly Part[]): void {
  let atStart = true
  for (const { text, kinds } of parts) {
    if (atStart && ((kinds.size === 0 && /^\p{L}/u.test(text)) || kinds.has('version'))) {
      kinds.add('basename')
    } else {
      atStart = false
      if (kinds.size === 0) kinds.add('finetune')
    }
  }
  for (const { kinds } of parts.toReversed()) {
    if (!kinds.has('basename') || kinds.size === 1) break
    kinds.delete('basename')
  }
}

function fields(parts: readonly Part[]): Omit<ModelId, 'name' | 'organization'> {
  const joined = (wanted: (part: Part) => boolean) => parts.filter(wanted).map(({ text }) => text)
  const basename = joined(({ kinds }) => kinds.has('basename')).join('-')
  const finetune = joined(({ kinds }) => kinds.has('finetune')).join('-')
  const version = joined(({ kinds }) => kinds.has('version') && !kinds.has('basename')).join('-')
  const sizeLabel = [...new Set(joined(({ kinds }) => kinds.has('sizeLabel')))].join('-')
  // A name of nothing but plain words says too little to be taken apart.
  if (finetune === '' && version === '' && sizeLabel === '') return {}
  return {
    ...(basename !== '' && { basename }),
    ...(finetune !== '' && { finetune }),
    ...(version !== '' && { version }),
    ...(sizeLabel !== '' && { sizeLabel }),
  }
}

/** "phi-4" as a title: "Phi 4". Words with capitals of their own and version numbers stay as they are. */
export function idToTitle(id: string): string {
  return id
    .trim()
    .replaceAll('-', ' ')
    .split(/\s+/)
    .filter((word) => word !== '')
    .map((word) => (keepsCase(word) ? word : titled(word)))
    .join(' ')
}

function keepsCase(word: string): boolean {
  return word !== word.toLowerCase() || /^(v\d+(\.\d+)*|\d.*)$/.test(word)
}

function titled(word: string): string {
  return word.replaceAll(/\p{L}+/gu, (letters) => letters.charAt(0).toUpperCase() + letters.slice(1))
}
