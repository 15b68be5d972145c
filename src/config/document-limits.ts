/** Of one document, in UTF-16 units; of one bundle on disk, in bytes. */
export const MAX_SIZE = 8 * 1024 * 1024;
/** How many collections may stand inside one another. */
export const MAX_DEPTH = 100;
/** Keys, values, punctuation and blanks of a document, each counted as one. */
export const MAX_TOKENS = 3_000_000;
