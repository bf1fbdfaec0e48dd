/** One event of a text/event-stream. */
export interface ServerSentEvent {
  readonly event: string
  readonly data: string
}

/**
 * Reads the events of a text/event-stream whose lines end in "\n", as this program's server sends them. An event that
 * was cut off by the end of the stream is dropped, and a connection that breaks is an end like any other.
 * Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
 */
export async function* serverSentEvents(chunks: AsyncIterable<Buffer>): AsyncGenerator<ServerSentEvent, void> {
  const decoder = new TextDecoder()
  let text = ''
  try {
    for await (const chunk of chunks) {
      text += decoder.decode(chunk, { stream: true })
      const blocks = text.split('\n\n')
      text = blocks.pop() ?? ''
      for (const block of blocks) yield parseEvent(block)
    }
  } catch {
    // The daemon was killed, or the reader left.
  }
}

function parseEvent(block: string): ServerSentEvent {
  let event = 'message'
  const data: string[] = []
  for (const line of block.split('\n')) {
    const colon = line.indexOf(': ')
    const field = line.slice(0, colon)
    const value = line.slice(colon + 2)
    if (field === 'event') event = value
    if (field === 'data') data.push(value)
  }
  return { event, data: data.join('\n') }
}
