/** For LIKE and ILIKE: wherever the words stand; signs that LIKE reads are taken as they are. */
export const containing = (words: string): string => `%${words.replace(/[\\%_]/g, "\\$&")}%`
