/** Whether Node is of the oldest release supported; later ones take more memory, and word some errors differently. */
export const isOldestNode = process.versions.node.startsWith('20.')
