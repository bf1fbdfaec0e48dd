/** What the name of a file that a download leaves behind until it has finished tells. */
export interface UnfinishedName {
  /** Name that the finished file will have, as far as the name tells. */
  readonly target: string
  /** Whether the file holds the bytes that have come so far; otherwise it only stands beside the file that does. */
  readonly holdsData: boolean
}

/**
 * .incomplete: Hugging Face; .part: Firefox, curl scripts, KDE; .crdownload: Chrome, Edge; .download: Safari;
 * .opdownload: Opera; .partial: rclone, old browsers; .!qB and .!ut: torrents.
 */
const dataSuffix = /\.(?:incomplete|part|partial|crdownload|download|opdownload|!qb|!ut)$/i

/** aria2 gives the file its name and often its full length at once; its control file goes when it has finished. */
const controlSuffix = /\.aria2$/i

/** rsync's temporary name: ".NAME.Ab12Cd". */
const rsync = /^\.(.+\.(?:safetensors|json))\.[A-Za-z0-9]{6}$/

/** GGUF files are no part of the sources, and ".gguf.part" is this program's own. */
const gguf = /\.gguf(?:\.|$)/i

/** `undefined` for the name of any other file. */
export function unfinishedName(name: string): UnfinishedName | undefined {
  if (gguf.test(name)) return undefined
  if (dataSuffix.test(name)) return { target: name.replace(dataSuffix, ''), holdsData: true }
  if (controlSuffix.test(name)) return { target: name.replace(controlSuffix, ''), holdsData: false }
  const target = rsync.exec(name)?.[1]
  return target === undefined ? undefined : { target, holdsData: true }
}
