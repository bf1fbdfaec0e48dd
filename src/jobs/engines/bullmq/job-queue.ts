import { FlowProducer, Queue } from 'bullmq'
import type { Redis } from 'ioredis'
import { type QueueJob, queueJobId } from './queue-job.ts'
import { queueNames } from './queue-names.ts'

/** A job that fails so often in a row, each time after a longer pause, stands among the failed ones. */
const attempts = 5
const firstPauseMilliseconds = 500

/** Events that BullMQ keeps of a queue, about. */
const keptEvents = 1000

/** What BullMQ's script for adding answers when the parent is not there. The library hands it on as if it were an id. */
const parentMissing = -5

/** Which jobs Redis holds, by id. */
export interface Standing {
  /** Waiting, in work, or waiting to be tried again. */
  readonly alive: ReadonlySet<string>
  /** Failed as often as they may. */
  readonly failed: ReadonlySet<string>
  /** Remains of what was evicted while it was in work. */
  readonly remains: ReadonlySet<string>
}

/**
 * The jobs of one coordinator as BullMQ keeps them: a flow for each conversion, a tensor job for each range of slices.
 * Everything fails at once while Redis is away, and may be repeated when it is back.
 */
export class JobQueue {
  readonly #redis: Redis
  readonly #prefix: string
  readonly #tensors: Queue
  readonly #conversions: Queue
  readonly #publish: Queue
  readonly #flows: FlowProducer

  /** @param redis is used, and not closed. */
  constructor(redis: Redis, prefix: string, id: string) {
    // Without the check of the version BullMQ prints nothing to the console.
    const shared = { connection: redis, prefix, skipVersionCheck: true }
    const options = { ...shared, streams: { events: { maxLen: keptEvents } } }
    const names = queueNames(id)
    this.#redis = redis
    this.#prefix = prefix
    this.#tensors = new Queue(names.tensors, options)
    this.#conversions = new Queue(names.conversions, options)
    this.#publish = new Queue(names.publish, options)
    this.#flows = new FlowProducer(shared)
    // Whoever sends a command learns that it failed; of the connection its owner knows.
    for (const queue of this.queues) queue.on('error', () => {})
    this.#flows.on('error', () => {})
  }

  /** For boards that show them. */
  get queues(): readonly Queue[] {
    return [this.#tensors, this.#conversions, this.#publish]
  }

  /** Adds those jobs of a conversion that are not in the queue, in this order. */
  async add(conversion: string, jobs: readonly QueueJob[]): Promise<void> {
    if (await this.#tryAdd(conversion, jobs)) return
    await this.#openFlow(conversion)
    if (await this.#tryAdd(conversion, jobs)) return
    throw new Error(`the flow of conversion ${conversion} was removed again`)
  }

  async standing(): Promise<Standing> {
    // In this order: what fails between the two questions is in both answers, not in none.
    const alive = await this.#tensors.getRanges(['waiting', 'active', 'delayed', 'prioritized'], 0, -1)
    const failed = await this.#tensors.getRanges(['failed'], 0, -1)
    const remains = await this.#tensors.getRanges(['completed'], 0, -1)
    return { alive: new Set(alive), failed: new Set(failed), remains: new Set(remains) }
  }

  /** Removes jobs; those in the hands of a worker stay. */
  async remove(ids: readonly string[]): Promise<void> {
    await Promise.all(ids.map((id) => this.#tensors.remove(id, { removeChildren: false })))
  }

  /** Conversions that have a flow. */
  async flows(): Promise<string[]> {
    return this.#conversions.getRanges(['waiting-children', 'waiting', 'active', 'completed', 'failed'], 0, -1)
  }

  async removeFlow(conversion: string): Promise<void> {
    await this.#publish.remove(conversion, { removeChildren: false })
    await this.#conversions.remove(conversion, { removeChildren: false })
  }

  /** BullMQ notes every child of a flow that is done, and would for a hundred thousand. Nobody reads it. */
  async forgetDone(conversion: string): Promise<void> {
    await this.#redis.del(this.#conversions.toKey(`${conversion}:processed`))
  }

  async close(): Promise<void> {
    await Promise.allSettled([...this.queues, this.#flows].map((source) => source.close()))
  }

  /** Whether the conversion's flow was there. */
  async #tryAdd(conversion: string, jobs: readonly QueueJob[]): Promise<boolean> {
    const parent = { id: conversion, queue: `${this.#prefix}:${this.#conversions.name}` }
    const added = await this.#tensors.addBulk(
      jobs.map((data) => ({
        name: 'tensor',
        data,
        opts: {
          jobId: queueJobId(data),
          parent,
          attempts,
          backoff: { type: 'exponential', delay: firstPauseMilliseconds },
          removeOnComplete: true,
        },
      })),
    )
    return added.every(({ id }) => Number(id) !== parentMissing)
  }

  async #openFlow(conversion: string): Promise<void> {
    const opts = { jobId: conversion, removeOnComplete: true }
    await this.#flows.add({
      name: 'conversion',
      queueName: this.#conversions.name,
      opts,
      children: [{ name: 'publish', queueName: this.#publish.name, opts }],
    })
  }
}
