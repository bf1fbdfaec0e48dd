/**
 * IQ1_M: superblocks of 256 weights in sixteen sub-blocks of 16; the low bytes of 32 grid rows, for each sub-block a
 * byte with the upper three bits of its two rows and, for each of them, whether its values −1, 0, 1 are shifted down
 * (1) or up (0) by an eighth; then four words of four sub-block scales of three bits, and in the top bits of each a
 * quarter of the half-precision scale (56 bytes). Weight = scale · (2 · sub-block scale + 1) · value.
 */
import { bestScale, bestShift, firstSplit, secondSplit } from './best-split'
import { lost, markLost, meanSquare, scaleLevel, takeHalf } from './grid-subblock'
import { floatFromHalf } from './half'
import { searchHalvesSplit } from './halves-split'
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

const blockBytes: usize = 56
const weightBytes: usize = 1024
const headsAt: usize = 32
const scalesAt: usize = 48
const elements: usize = 16
const subblocks: usize = 16

/** A sub-block whose greatest magnitude is below this becomes 0. */
const tiny: f32 = 1e-7

/** The scales of the sub-blocks. */
const scales: usize = memory.data(64, 16)

/** Where a head tells that its first or second run is shifted down. */
const firstDown: u32 = 0x08
const secondDown: u32 = 0x80

function shiftOf(head: u32, run: usize): f32 {
  return (head & (run == 0 ? firstDown : secondDown)) != 0 ? -delta : delta
}

/** The grid row of one of the two runs whose low byte and head are given. */
function rowOf(low: u8, head: u32, run: usize): usize {
  return <usize>low | <usize>(((head >> ((<u32>run) << 2)) & 7) << 8)
}

/** Rows and head of the sub-block `index` at `src`; gives its scale. */
function fitSubblock(src: usize, dst: usize, index: usize, given: usize, spread: f32): f32 {
  weigh(given, src, elements, spread)
  if (greatestMagnitude(src, elements) < tiny || !searchHalvesSplit(src)) return 0
  const turned = bestScale < 0
  let scale: f32 = turned ? -bestScale : bestScale
  const downs = turned ? 3 - bestShift : bestShift
  setLevels(elements, firstSplit, secondSplit, turned)
  let head = ((downs & 2) != 0 ? firstDown : 0) | ((downs & 1) != 0 ? secondDown : 0)
  const shift0 = shiftOf(head, 0)
  const shift1 = shiftOf(head, 1)
  const row0 = rowOfRun(src, 0, scale, shift0)
  let any = replaced
  const row1 = rowOfRun(src, 8, scale, shift1)
  any = any || replaced
  store<u8>(dst + index * 2, row0)
  store<u8>(dst + index * 2, row1, 1)
  head |= (<u32>row0 >> 8) | ((<u32>row1 >> 8) << 4)
  if (any) {
    clearSums()
    addRun(src, 0, levelsOfRow(row0), shift0, 1)
    addRun(src, 8, levelsOfRow(row1), shift1, 1)
    if (productSum() > 0 && squareSum() > 0) scale = productSum() / squareSum()
  }
  store<u8>(dst + headsAt + index, head)
  if (!(scale >= 0)) markLost()
  return scale
}

/** Stores the sub-blocks' scales under `unit`; gives the scale that fits all rows best then. */
function scaleSubblocks(src: usize, dst: usize, given: usize, spread: f32, unit: f32): f32 {
  const inverse: f32 = 1 / unit
  clearSums()
  for (let index: usize = 0; index < subblocks; index++) {
    const offset = index << 6
    const level = scaleLevel(inverse, load<f32>(scales + (index << 2)), 7)
    const at = dst + scalesAt + ((index >> 2) << 1)
    store<u16>(at, load<u16>(at) | (level << (3 * (<u32>index & 3))))
    weigh(given != 0 ? given + offset : 0, src + offset, elements, spread)
    const head = <u32>load<u8>(dst + headsAt + index)
    const factor = 2 * <i32>level + 1
    for (let run: usize = 0; run < 2; run++) {
      const row = rowOf(load<u8>(dst + index * 2 + run), head, run)
      addRun(src + offset, run << 3, levelsOfRow(row), shiftOf(head, run), <f32>factor)
    }
  }
  return squareSum() > 0 ? productSum() / squareSum() : unit
}

/** A quarter of the scale into the top bits of each of the four words. */
function spreadScale(dst: usize, scale: u16): void {
  for (let word: usize = 0; word < 4; word++) {
    const at = dst + scalesAt + (word << 1)
    store<u16>(at, load<u16>(at) | (((<u32>scale >> ((<u32>word) << 2)) & 15) << 12))
  }
}

function gatherScale(src: usize): u16 {
  let scale: u32 = 0
  for (let word: usize = 0; word < 4; word++) {
    scale |= (<u32>load<u16>(src + scalesAt + (word << 1)) >> 12) << ((<u32>word) << 2)
  }
  return <u16>scale
}

/** The rows' heads without their shifts: what llama.cpp leaves where no sub-block has a scale. */
function dropShifts(dst: usize): void {
  const heads = v128.load(dst + headsAt)
  v128.store(dst + headsAt, v128.and(heads, i8x16.splat(0x77)))
}

function quantizeSuperblock(src: usize, dst: usize, given: usize): void {
  const spread: f32 = given != 0 ? meanSquare(src, 2) : 0
  memory.fill(dst, 0, blockBytes)
  let greatest: f32 = 0
  for (let index: usize = 0; index < subblocks; index++) {
    const offset = index << 6
    const scale = fitSubblock(src + offset, dst, index, given != 0 ? given + offset : 0, spread)
    store<f32>(scales + (index << 2), scale)
    if (!(greatest > scale)) greatest = scale
  }
  if (greatest == 0 && !lost) return dropShifts(dst)
  spreadScale(dst, takeHalf(scaleSubblocks(src, dst, given, spread, greatest / 15) * 1.1125))
}

/** `src`: 256 · `blocks` f32; `dst`: 56 · `blocks` bytes; `importance`: 0, or the address of one f32 per weight. */
export function quantizeIQ1M(src: usize, dst: usize, blocks: i32, importance: usize): void {
  prepareSplits()
  for (const end = dst + <usize>blocks * blockBytes; dst < end; dst += blockBytes) {
    quantizeSuperblock(src, dst, importance)
    src += weightBytes
    if (importance != 0) importance += weightBytes
  }
}

/** `src`: 56 · `blocks` bytes; `dst`: 256 · `blocks` f32. */
export function dequantizeIQ1M(src: usize, dst: usize, blocks: i32): void {
  for (const end = src + <usize>blocks * blockBytes; src < end; src += blockBytes) {
    const scale = floatFromHalf(gatherScale(src))
    for (let run: usize = 0; run < 32; run++) {
      const index = run >> 1
      const head = <u32>load<u8>(src + headsAt + index)
      const level = (<i32>load<u16>(src + scalesAt + ((index >> 2) << 1)) >> (3 * (<i32>index & 3))) & 7
      const factor = 2 * level + 1
      const unit: f32 = scale * <f32>factor
      storeSplitRun(dst, rowOf(load<u8>(src + run), head, run & 1), unit, shiftOf(head, run & 1))
      dst += 32
    }
  }
}
