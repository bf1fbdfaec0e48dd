import { describe, expect, it } from 'vitest'
import type { Workbench } from '#dist/worker/workbench.js'
import { Workshop } from '#dist/worker/workshop.js'

/** Benches that only note that they were opened and closed. */
function noting() {
  const notes: string[] = []
  const workshop = new Workshop(async (conversion) => {
    if (conversion === 'bad') throw new Error('cannot be opened')
    notes.push(`open ${conversion}`)
    const close = async () => {
      notes.push(`close ${conversion}`)
    }
    return { conversion, close } as unknown as Workbench
  })
  return { notes, workshop }
}

function deferred() {
  let resolve = () => {}
  const promise = new Promise<void>((settle) => {
    resolve = settle
  })
  return { promise, resolve }
}

describe('a workshop', () => {
  it('has one bench for all jobs of a conversion', async () => {
    const { notes, workshop } = noting()
    await Promise.all([workshop.use('a', async () => {}), workshop.use('a', async () => {})])
    await workshop.use('a', async () => {})
    await workshop.close()
    expect(notes).toEqual(['open a', 'close a'])
  })

  it('changes to another conversion when the jobs in hand are done, and lets nobody overtake', async () => {
    const { notes, workshop } = noting()
    const first = deferred()
    const use = (conversion: string, wait: Promise<void>) =>
      workshop.use(conversion, async () => {
        notes.push(`work ${conversion}`)
        await wait
      })
    const done = Promise.resolve()
    const all = [use('a', first.promise), use('b', done), use('a', done)]
    await new Promise((resolve) => setImmediate(resolve))
    expect(notes).toEqual(['open a', 'work a'])
    first.resolve()
    await Promise.all(all)
    await workshop.close()
    expect(notes).toEqual(['open a', 'work a', 'close a', 'open b', 'work b', 'close b', 'open a', 'work a', 'close a'])
  })

  it('opens a new bench after the last could not be opened, or was discarded', async () => {
    const { notes, workshop } = noting()
    await expect(workshop.use('bad', async () => {})).rejects.toThrow('cannot be opened')
    await workshop.use('a', () => workshop.discard('a'))
    await workshop.use('a', async () => {})
    expect(notes).toEqual(['open a', 'close a', 'open a'])
    await workshop.close()
  })
})
