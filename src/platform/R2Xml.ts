/** The list of objects as S3 writes it: flat, without attributes of interest, keys encoded as in a URL. */
import type { ListedObject, ObjectPage } from "./R2Object.ts"

/** Undefined when it is no such list. */
export const parseList = (text: string): ObjectPage | undefined => {
  const list = /<ListBucketResult[\s>]([\s\S]*)<\/ListBucketResult>/.exec(text)?.[1]
  if (list === undefined) return undefined
  const objects: Array<ListedObject> = []
  for (const [, contents = ""] of list.matchAll(/<Contents>([\s\S]*?)<\/Contents>/g)) {
    const key = valueOf(contents, "Key")
    const sizeBytes = Number(valueOf(contents, "Size") ?? Number.NaN)
    const modifiedAt = new Date(valueOf(contents, "LastModified") ?? "")
    if (key === undefined || !Number.isSafeInteger(sizeBytes) || Number.isNaN(modifiedAt.getTime())) {
      return undefined
    }
    objects.push({ key: decodedKey(key), sizeBytes, modifiedAt })
  }
  const isTruncated = valueOf(list, "IsTruncated") === "true"
  const cursor = valueOf(list, "NextContinuationToken")
  if (isTruncated && cursor === undefined) return undefined
  return { objects, cursor: isTruncated && cursor !== undefined ? cursor : null }
}

const valueOf = (xml: string, name: string): string | undefined => {
  const value = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1]
  return value?.replace(/&(#?\w+);/g, (entity, name: string) => entities[name] ?? entity)
}

const entities: Readonly<Record<string, string>> = {
  lt: "<",
  gt: ">",
  amp: "&",
  quot: '"',
  apos: "'",
  "#34": '"',
  "#39": "'",
}

// Not every store encodes what it was asked to encode; a key that is none of ours is left alone anyway.
const decodedKey = (key: string): string =>
  /^[\w.~/*!'()+-]*(?:%[0-9A-Fa-f]{2}[\w.~/*!'()+-]*)+$/.test(key) ? safelyDecoded(key) : key

const safelyDecoded = (key: string): string => {
  try {
    return decodeURIComponent(key.replaceAll("+", " "))
  } catch {
    return key
  }
}
