/**
 * IQ2_XS: superblocks of 256 weights in sixteen sub-blocks of 16; a half-precision scale, 32 runs of eight weights in
 * 16 bits each (nine of the grid row, seven signs, of which the eighth makes the number even) and the sub-blocks'
 * scales of four bits (74 bytes). Weight = scale · (0.5 + sub-block scale) · 0.25 · grid value · sign.
 */
import { Codebook, codebookBytes } from './codebook'
import { prepareTwoBits } from './codebook-tables'
import { refine, rows, runsOffGrid, searchScale } from './grid-search'
import {
  greatestValue,
  lost,
  makeSignsEven,
  markLost,
  meanSquare,
  packEvenSigns,
  setNumerators,
  storeScale,
  takeSigns,
  weighBy,
} from './grid-subblock'
import { fitSubblocks, quantizeSuperblocks, storeScalePairs } from './grid-superblock'
import { evenSigns, storeTwoBitRun } from './grid-values'
import { iq2xsCodes, iq2xsRows } from './grids/iq2_xs'
import { floatFromHalf } from './half'

const blockBytes: usize = 74
const runsAt: usize = 2
const scalesAt: usize = 66

/** A sub-block whose greatest value is below this becomes 0. */
const tiny: f32 = 1e-15
/** Candidates are 5 (the grid's greatest value) plus steps of 0.1. */
const reach: i32 = 9
const candidates: i32 = 2 * reach + 1

const book = changetype<Codebook>(memory.data(codebookBytes, 16))
/** As many bytes as src/quant/kernel-table.ts says. */
const spaceBytes: i32 = 690_000
const space: usize = memory.data(spaceBytes, 16)
const numerators: usize = memory.data(80, 16)

function prepare(): void {
  prepareTwoBits(book, iq2xsCodes, iq2xsRows, 2, space, spaceBytes)
  setNumerators(numerators, 5, 0.1, reach)
}

/** Rows and signs of the sub-block `index` at `src`; gives its scale. */
function fitSubblock(src: usize, dst: usize, index: usize, given: usize, spread: f32): f32 {
  weighBy(given, src, 16, spread)
  let signs = packEvenSigns(makeSignsEven(src, 16, takeSigns(src, 16)))
  const greatest = greatestValue(16)
  if (greatest < tiny) return 0
  let scale = searchScale(book, 16, numerators, candidates, greatest, greatest / 5, 3)
  const off = runsOffGrid(2)
  if (off != 0 && scale > 0) scale = refine(book, 16, off, scale)
  if (scale < 0) {
    scale = -scale
    signs = ~signs
  }
  if (!(scale >= 0)) markLost()
  const first = load<u32>(rows) | ((signs & 127) << 9)
  const second = load<u32>(rows, 4) | (((signs >> 7) & 127) << 9)
  store<u32>(dst + runsAt + index * 4, first | (second << 16))
  return scale
}

function quantizeSuperblock(src: usize, dst: usize, given: usize): void {
  const spread = meanSquare(src, 1)
  memory.fill(dst, 0, blockBytes)
  const greatest = fitSubblocks(fitSubblock, 16, src, dst, given, spread)
  if (greatest == 0 && !lost) {
    memory.fill(dst, 0, blockBytes)
    return
  }
  const unit: f32 = greatest / 31
  storeScale(dst, unit)
  storeScalePairs(dst + scalesAt, 16, 1 / unit)
}

/** `src`: 256 · `blocks` f32; `dst`: 74 · `blocks` bytes; `importance`: the address of one f32 per weight. */
export function quantizeIQ2XS(src: usize, dst: usize, blocks: i32, importance: usize): void {
  prepare()
  quantizeSuperblocks(quantizeSuperblock, blockBytes, src, dst, blocks, importance)
}

/** `src`: 74 · `blocks` bytes; `dst`: 256 · `blocks` f32. */
export function dequantizeIQ2XS(src: usize, dst: usize, blocks: i32): void {
  for (const end = src + <usize>blocks * blockBytes; src < end; src += blockBytes) {
    const scale = floatFromHalf(load<u16>(src))
    for (let run: usize = 0; run < 32; run++) {
      const level = (<u32>load<u8>(src + scalesAt + (run >> 2)) >> (((<u32>run >> 1) & 1) << 2)) & 15
      const unit: f32 = scale * (<f32>0.5 + <f32>level) * 0.25
      const word = <u32>load<u16>(src + runsAt + (run << 1))
      const code = load<u16>(iq2xsCodes + ((<usize>word & 511) << 1))
      storeTwoBitRun(dst, code, unit, evenSigns(word >> 9))
      dst += 32
    }
  }
}
