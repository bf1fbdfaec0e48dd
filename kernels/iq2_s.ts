/**
 * IQ2_S: superblocks of 256 weights in sixteen sub-blocks of 16; a half-precision scale, the grid rows of 32 runs of
 * eight weights in ten bits (a byte each; after the signs the two upper bits), 256 signs and the sub-blocks' scales of
 * four bits (82 bytes). Weight = scale · (0.5 + sub-block scale) · 0.25 · grid value · sign.
 */
import { Codebook, codebookBytes } from './codebook'
import { prepareTwoBits } from './codebook-tables'
import { refine, rows, runsOffGrid, searchScale } from './grid-search'
import {
  greatestValue,
  lost,
  markLost,
  meanSquare,
  setNumerators,
  storeScale,
  takeSigns,
  weighBy,
  weighBySquare,
} from './grid-subblock'
import { fitSubblocks, quantizeSuperblocks, storeScalePairs } from './grid-superblock'
import { storeTwoBitRun } from './grid-values'
import { iq2sCodes, iq2sRows } from './grids/iq2_s'
import { floatFromHalf } from './half'

const blockBytes: usize = 82
const runsAt: usize = 2
const signsAt: usize = 34
const upperBitsAt: usize = 66
const scalesAt: usize = 74

/** A sub-block whose greatest magnitude is below this becomes 0. */
const tiny: f32 = 1e-8
/** Candidates are 5 (the grid's greatest value) plus steps of 0.1. */
const reach: i32 = 9
const candidates: i32 = 2 * reach + 1

const book = changetype<Codebook>(memory.data(codebookBytes, 16))
/** As many bytes as src/quant/kernel-table.ts says. */
const spaceBytes: i32 = 260_000
const space: usize = memory.data(spaceBytes, 16)
const numerators: usize = memory.data(80, 16)

function prepare(): void {
  prepareTwoBits(book, iq2sCodes, iq2sRows, 1, space, spaceBytes)
  setNumerators(numerators, 5, 0.1, reach)
}

/** Rows and signs of the sub-block `index` at `src`; gives its scale. */
function fitSubblock(src: usize, dst: usize, index: usize, given: usize, spread: f32): f32 {
  if (given != 0) weighBy(given, src, 16, spread)
  else weighBySquare(src, 16, <f32>0.25 * spread)
  let signs = takeSigns(src, 16)
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
  const first = load<u32>(rows)
  const second = load<u32>(rows, 4)
  store<u16>(dst + runsAt + index * 2, <u16>((first & 255) | ((second & 255) << 8)))
  const upper = dst + upperBitsAt + (index >> 1)
  store<u8>(upper, load<u8>(upper) | (((first >> 8) | ((second >> 8) << 2)) << ((<u32>index & 1) << 2)))
  store<u16>(dst + signsAt + index * 2, <u16>signs)
  return scale
}

function quantizeSuperblock(src: usize, dst: usize, given: usize): void {
  const spread = meanSquare(src, 2)
  memory.fill(dst, 0, blockBytes)
  const greatest = fitSubblocks(fitSubblock, 16, src, dst, given, spread)
  if (greatest == 0 && !lost) return
  const unit: f32 = greatest / 31
  storeScale(dst, unit * 0.9875)
  storeScalePairs(dst + scalesAt, 16, 1 / unit)
}

/** `src`: 256 · `blocks` f32; `dst`: 82 · `blocks` bytes; `importance`: 0, or the address of one f32 per weight. */
export function quantizeIQ2S(src: usize, dst: usize, blocks: i32, importance: usize): void {
  prepare()
  quantizeSuperblocks(quantizeSuperblock, blockBytes, src, dst, blocks, importance)
}

/** `src`: 82 · `blocks` bytes; `dst`: 256 · `blocks` f32. */
export function dequantizeIQ2S(src: usize, dst: usize, blocks: i32): void {
  for (const end = src + <usize>blocks * blockBytes; src < end; src += blockBytes) {
    const scale = floatFromHalf(load<u16>(src))
    for (let run: usize = 0; run < 32; run++) {
      const level = (<u32>load<u8>(src + scalesAt + (run >> 2)) >> (((<u32>run >> 1) & 1) << 2)) & 15
      const unit: f32 = scale * (<f32>0.5 + <f32>level) * 0.25
      const upper = (<usize>load<u8>(src + upperBitsAt + (run >> 2)) >> ((run & 3) << 1)) & 3
      const row = <usize>load<u8>(src + runsAt + run) | (upper << 8)
      storeTwoBitRun(dst, load<u16>(iq2sCodes + (row << 1)), unit, load<u8>(src + signsAt + run))
      dst += 32
    }
  }
}
