/**
 * IQ1_S: superblocks of 256 weights in eight sub-blocks of 32; a half-precision scale, the low bytes of 32 grid rows,
 * and for each sub-block 16 bits: the upper three bits of its four rows, three of scale, and whether its values −1, 0,
 * 1 are shifted down (1) or up (0) by an eighth (50 bytes). Weight = scale · (2 · sub-block scale + 1) · value.
 */
import { bestScale, bestShift, firstSplit, secondSplit } from './best-split'
import { lost, markLost, meanSquare, scaleLevel, storeScale } from './grid-subblock'
import { floatFromHalf } from './half'
import {
  addRun,
  clearSums,
  delta,
  greatestMagnitude,
  levelsOfRow,
  prepareSplits,
  productSum,
  replaced,
  rowOfRun,
  setLevels,
  squareSum,
  storeSplitRun,
  weigh,
} from './three-way-split'
import { searchWholeSplit, up } from './whole-split'

const blockBytes: usize = 50
const weightBytes: usize = 1024
const rowsAt: usize = 2
const headsAt: usize = 34
const elements: usize = 32

/** A sub-block whose greatest magnitude is below this becomes 0. */
const tiny: f32 = 1e-12
/** The scales of the eight sub-blocks. */
const scales: usize = memory.data(32, 16)
/** The rows of the sub-block. */
const rows: usize = memory.data(8, 16)

/** Rows and shift of the sub-block `index` at `src`; gives its scale. */
function fitSubblock(src: usize, dst: usize, index: usize, given: usize, spread: f32): f32 {
  weigh(given, src, elements, spread)
  if (greatestMagnitude(src, elements) < tiny || !searchWholeSplit(src)) return 0
  const turned = bestScale < 0
  let scale: f32 = turned ? -bestScale : bestScale
  const shift: f32 = turned == (bestShift == up) ? -delta : delta
  setLevels(elements, firstSplit, secondSplit, turned)
  let any = false
  let head: u32 = shift < 0 ? 0x8000 : 0
  for (let run: usize = 0; run < 4; run++) {
    const row = rowOfRun(src, run << 3, scale, shift)
    any = any || replaced
    store<u8>(dst + rowsAt + index * 4 + run, row)
    store<u16>(rows + (run << 1), row)
    head |= (<u32>row >> 8) << (3 * <u32>run)
  }
  if (any) {
    clearSums()
    for (let run: usize = 0; run < 4; run++) {
      addRun(src, run << 3, levelsOfRow(load<u16>(rows + (run << 1))), shift, 1)
    }
    if (productSum() > 0 && squareSum() > 0) scale = productSum() / squareSum()
  }
  store<u16>(dst + headsAt + index * 2, head)
  if (!(scale >= 0)) markLost()
  return scale
}

function quantizeSuperblock(src: usize, dst: usize, given: usize): void {
  const spread = meanSquare(src, 2)
  memory.fill(dst, 0, blockBytes)
  let greatest: f32 = 0
  for (let index: usize = 0; index < 8; index++) {
    const scale = fitSubblock(src + (index << 7), dst, index, given + (index << 7), spread)
    store<f32>(scales + (index << 2), scale)
    if (!(greatest > scale)) greatest = scale
  }
  const some = greatest != 0 || lost
  const unit: f32 = greatest / 15
  if (some) storeScale(dst, unit * 1.125)
  const inverse: f32 = 1 / unit
  for (let index: usize = 0; index < 8; index++) {
    const at = dst + headsAt + index * 2
    // Without a scale of the superblock llama.cpp stores neither the sub-blocks' scales nor their shifts.
    if (some) store<u16>(at, load<u16>(at) | (scaleLevel(inverse, load<f32>(scales + (index << 2)), 7) << 12))
    else store<u16>(at, load<u16>(at) & 0x0fff)
  }
}

/** `src`: 256 · `blocks` f32; `dst`: 50 · `blocks` bytes; `importance`: the address of one f32 per weight. */
export function quantizeIQ1S(src: usize, dst: usize, blocks: i32, importance: usize): void {
  prepareSplits()
  for (const end = dst + <usize>blocks * blockBytes; dst < end; dst += blockBytes) {
    quantizeSuperblock(src, dst, importance)
    src += weightBytes
    importance += weightBytes
  }
}

/** `src`: 50 · `blocks` bytes; `dst`: 256 · `blocks` f32. */
export function dequantizeIQ1S(src: usize, dst: usize, blocks: i32): void {
  for (const end = src + <usize>blocks * blockBytes; src < end; src += blockBytes) {
    const scale = floatFromHalf(load<u16>(src))
    for (let run: usize = 0; run < 32; run++) {
      const head = <u32>load<u16>(src + headsAt + ((run >> 2) << 1))
      const factor = 2 * <i32>((head >> 12) & 7) + 1
      const row = <usize>load<u8>(src + rowsAt + run) | (((<usize>head >> (3 * (run & 3))) & 7) << 8)
      storeSplitRun(dst, row, scale * <f32>factor, (head & 0x8000) != 0 ? -delta : delta)
      dst += 32
    }
  }
}
