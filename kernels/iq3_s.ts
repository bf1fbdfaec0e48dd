/**
 * IQ3_S: superblocks of 256 weights in eight sub-blocks of 32; a half-precision scale, the grid rows of 64 runs of four
 * weights in nine bits (a byte each, then the ninth bits), 256 signs and the sub-blocks' scales of four bits (110
 * bytes). Weight = scale · (1 + 2 · sub-block scale) · (2 · level + 1) · sign.
 */
import { Codebook, codebookBytes } from './codebook'
import { prepareThreeBits } from './codebook-tables'
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
import { storeRun } from './grid-values'
import { iq3sCodes, iq3sRows } from './grids/iq3_s'
import { floatFromHalf } from './half'

const blockBytes: usize = 110
const runsAt: usize = 2
const ninthBitsAt: usize = 66
const signsAt: usize = 74
const scalesAt: usize = 106

/** Candidates are 15 (the grid's greatest value) plus steps of 0.2. */
const reach: i32 = 9
const candidates: i32 = 2 * reach + 1
const allRuns: u32 = 255

const book = changetype<Codebook>(memory.data(codebookBytes, 16))
/** As many bytes as src/quant/kernel-table.ts says. */
const spaceBytes: i32 = 170_000
const space: usize = memory.data(spaceBytes, 16)
const numerators: usize = memory.data(80, 16)

function prepare(): void {
  prepareThreeBits(book, iq3sCodes, iq3sRows, 3, space, spaceBytes)
  setNumerators(numerators, 15, 0.2, reach)
}

/**
 * Sub-blocks of the superblock that were not all 0 so far. llama.cpp stores rows and signs behind those of the last
 * such sub-block, so that after one that is all 0 they are not where they are read; the same bytes need the same here.
 */
let place: usize = 0

/** Rows and signs of the sub-block `index` at `src`; gives its scale. */
function fitSubblock(src: usize, dst: usize, index: usize, given: usize, spread: f32): f32 {
  if (given != 0) weighBy(given, src, 32, spread)
  else weighBySquare(src, 32, 0)
  let signs = takeSigns(src, 32)
  const greatest = greatestValue(32)
  if (greatest == 0) return 0
  let scale = searchScale(book, 32, numerators, candidates, greatest, greatest / 15, 0)
  if (runsOffGrid(8) != 0 && scale > 0) scale = refine(book, 32, allRuns, scale)
  if (scale < 0) {
    scale = -scale
    signs = ~signs
  }
  if (!(scale >= 0)) markLost()
  let ninths: u32 = 0
  for (let run: usize = 0; run < 8; run++) {
    const row = load<u32>(rows + (run << 2))
    store<u8>(dst + runsAt + place * 8 + run, row)
    ninths |= (row >> 8) << (<u32>run)
  }
  store<u8>(dst + ninthBitsAt + index, ninths)
  store<u32>(dst + signsAt + place * 4, signs)
  place++
  return scale
}

function quantizeSuperblock(src: usize, dst: usize, given: usize): void {
  const spread: f32 = given != 0 ? meanSquare(src, 2) : 0
  memory.fill(dst, 0, blockBytes)
  place = 0
  const greatest = fitSubblocks(fitSubblock, 8, src, dst, given, spread)
  if (greatest == 0 && !lost) return
  const unit: f32 = greatest / 31
  storeScale(dst, unit * 1.033)
  storeScalePairs(dst + scalesAt, 8, 1 / unit)
}

/** `src`: 256 · `blocks` f32; `dst`: 110 · `blocks` bytes; `importance`: 0, or the address of one f32 per weight. */
export function quantizeIQ3S(src: usize, dst: usize, blocks: i32, importance: usize): void {
  prepare()
  quantizeSuperblocks(quantizeSuperblock, blockBytes, src, dst, blocks, importance)
}

/** What the levels 0 … 7 stand for. Source: ggml-common.h, iq3s_grid. */
const gridValues: usize = memory.data<u8>([1, 3, 5, 7, 9, 11, 13, 15])

/** `src`: 110 · `blocks` bytes; `dst`: 256 · `blocks` f32. */
export function dequantizeIQ3S(src: usize, dst: usize, blocks: i32): void {
  for (const end = src + <usize>blocks * blockBytes; src < end; src += blockBytes) {
    const scale = floatFromHalf(load<u16>(src))
    for (let index: usize = 0; index < 8; index++) {
      const level = <i32>(load<u8>(src + scalesAt + (index >> 1)) >> <u8>((index & 1) << 2)) & 15
      const factor = 1 + 2 * level
      const unit: f32 = scale * <f32>factor
      const ninths = load<u8>(src + ninthBitsAt + index)
      const signs = load<u32>(src + signsAt + index * 4)
      for (let run: usize = 0; run < 8; run++) {
        const row = <usize>load<u8>(src + runsAt + index * 8 + run) | ((<usize>((ninths >> <u8>run) & 1)) << 8)
        storeRun(dst, load<u16>(iq3sCodes + (row << 1)), gridValues, unit, signs >> (4 * <u32>run))
        dst += 16
      }
    }
  }
}
