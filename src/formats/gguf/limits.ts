/*
 * What a header may ask of this reader. Each cap is far above any model known, and low enough that a hostile header
 * within all of them is read in bounded memory. Besides its cap, every count and length must fit in the bytes that
 * remain in the file.
 */

/** Bytes before the first tensor. A vocabulary of 260 000 tokens with its merges has about 15 MB. */
export const maxHeaderBytes = 256 * 2 ** 20

export const maxMetadataKeys = 2 ** 16

/** Of a GGUF that is converted: header and every tensor of the output are padded to it, in memory and on disk. */
export const maxAlignment = 2 ** 16

/** As the specification has it. */
export const maxKeyBytes = 2 ** 16 - 1

/** Some writers embed a whole tokenizer.json, of 20 MB and more, as one string. */
export const maxStringBytes = 64 * 2 ** 20

/** In all arrays together: a byte on disk may become eight in memory. */
export const maxArrayElements = 2 ** 23

export const maxTensors = 2 ** 18

/** llama.cpp reads 63, other writers use more. */
export const maxNameBytes = 1024
