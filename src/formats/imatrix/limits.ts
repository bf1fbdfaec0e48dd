/*
 * What an importance matrix may ask of its readers. Besides its cap, every count and length must fit in the bytes that
 * remain in the file.
 */

/** The largest models known, of 256 experts in 58 layers, have about 1 GiB. */
export const maxImatrixBytes = 4 * 2 ** 30

export const maxEntries = 2 ** 18

export const maxNameBytes = 1024

/** Paths; llama.cpp records the first 127 bytes of one. */
export const maxDatasetBytes = 2 ** 16
