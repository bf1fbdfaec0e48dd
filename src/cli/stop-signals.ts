import { exitStatus } from '../base/error-codes.ts'

const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

export interface StopSignals {
  readonly stop: AbortSignal
  /** Gives the signals their usual meaning back. */
  release(): void
}

/** The first signal asks to stop at the next safe point; the second ends the process at once. Both are resumable. */
export function stopOnSignals(onFirst: () => void): StopSignals {
  const controller = new AbortController()
  const listener = () => {
    if (controller.signal.aborted) process.exit(exitStatus.interrupted)
    controller.abort()
    onFirst()
  }
  for (const signal of stopSignals) process.on(signal, listener)
  return {
    stop: controller.signal,
    release() {
      for (const signal of stopSignals) process.off(signal, listener)
    },
  }
}
