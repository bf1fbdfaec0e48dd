import { expect, it } from 'vitest'
import { sizeLabel } from '#dist/model/metadata/size-label.js'

it.each([
  // Phi-4's official conversion says 15B.
  [14_659_507_200, '15B'],
  [3_821_079_552, '3.8B'],
  [851_000_000, '851M'],
  [1_235_814_400, '1.2B'],
  [46_702_792_704, '47B'],
  [1_050_000_000_000, '1.1T'],
  [999_000, '999K'],
  [512, '0.5K'],
  [400, '0.40K'],
])('writes %i parameters with two digits at least: %s', (parameters, label) => {
  expect(sizeLabel(parameters)).toBe(label)
})
