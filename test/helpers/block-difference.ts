/** Where `ours` leaves `theirs`, in words, or `undefined`. `unit` is the bytes of a block. */
export function blockDifference(ours: ArrayBufferView, theirs: ArrayBufferView, unit: number): string | undefined {
  const a = Buffer.from(ours.buffer, ours.byteOffset, ours.byteLength)
  const b = Buffer.from(theirs.buffer, theirs.byteOffset, theirs.byteLength)
  if (a.equals(b)) return undefined
  const at = a.findIndex((byte, index) => byte !== b[index])
  return `block ${Math.floor(at / unit)}, byte ${at % unit}: ours ${a[at]}, llama.cpp's ${b[at]} (lengths ${a.length}, ${b.length})`
}
