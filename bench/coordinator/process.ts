import { convert } from '#dist/convert/convert.js'
import type { Engine, OpenConversion, SliceRange } from '#dist/convert/engine.js'
import type { RecipeName } from '#dist/quant/recipes.js'
import { convertOptions, planFolder } from '../../test/helpers/convert-folder.ts'
import { type Entrance, type EntranceWishes, type OpenEntrance, openEntrance } from '../../test/helpers/entrance.ts'

/** What this process is given: a conversion that waits for others to make all its slices. */
export interface CoordinatorOrders extends EntranceWishes {
  readonly model: string
  readonly type: RecipeName
  readonly output: string
}

/** What it tells once it listens. */
export interface Opened {
  readonly entrance: Entrance
  readonly conversion: string
}

/** Everything is there for whoever asks: no queue says who is next. */
class OpenToAll implements Engine {
  readonly name = 'bullmq'
  readonly capacity = 4096
  readonly #conversion: OpenConversion

  constructor(conversion: OpenConversion) {
    this.#conversion = conversion
  }

  onCapacity(): () => void {
    return () => {}
  }

  run(job: SliceRange): Promise<void> {
    return this.#conversion.settled(job)
  }

  async close(): Promise<void> {}
}

const orders = JSON.parse(process.argv[2] ?? '') as CoordinatorOrders
process.on('disconnect', () => process.exit(1))

let opening: Promise<OpenEntrance> | undefined
const plan = await planFolder(orders.model, orders.type)
await convert(plan, {
  ...convertOptions(orders.output, { threads: 0, force: true }),
  elsewhere: (conversion) => {
    opening = openEntrance(conversion, orders)
    opening.then(({ entrance }) => {
      const opened: Opened = { entrance, conversion: conversion.key }
      process.send?.(opened)
    })
    return new OpenToAll(conversion)
  },
})
await (await opening)?.stop()
process.exit()
