/** Where the listener for workers is to be. */
export interface ListenAddress {
  /** Name or address, IPv6 without brackets. */
  readonly host: string
  /** 0: any that is free. */
  readonly port: number
}

/** "10.0.0.5:7600", "[::]:7600", "localhost:7600"; `undefined` for all else. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const [, inBrackets, plain, digits] = /^(?:\[([\da-f:.]+(?:%[\w.-]+)?)\]|([\w.-]+)):(\d{1,5})$/i.exec(text) ?? []
  const host = inBrackets ?? plain
  const port = Number(digits)
  return host === undefined || port > 65_535 ? undefined : { host, port }
}

export function isListenAddress(text: string): boolean {
  return parseListenAddress(text) !== undefined
}

/** Whether only programs of this machine reach an address: what goes there need not be encrypted. */
export function isLoopback({ host }: Pick<ListenAddress, 'host'>): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}
