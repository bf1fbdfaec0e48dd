/** The major number of this Node. */
export const nodeRelease = Number.parseInt(process.versions.node, 10)

/** Whether Node is of the oldest release supported; later ones take more memory, and word some errors differently. */
export const isOldestNode = nodeRelease === 20
